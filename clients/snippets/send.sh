#!/bin/sh
# Sends a file of one JSON value a line, without empty lines, each exactly once. Run again it goes on where it stopped.
# usage: send.sh FILE STREAM [URL]     STREAM of letters, digits, ".", "_", "-"; MILLRACE_TOKEN where one is needed
set -u
file=$1 stream=$2 url=${3:-http://127.0.0.1:4318}
dir=$(mktemp -d) && trap 'rm -r "$dir"' EXIT

ask() { # arguments of curl; asks until there is an answer, which is then in $status and $dir/reply
  wait=1
  while :; do
    status=$(curl -sS -o "$dir/reply" -w '%{http_code}' --max-time 60 \
      ${MILLRACE_TOKEN:+-H "Authorization: Bearer $MILLRACE_TOKEN"} "$@")
    case $status in 000 | 408 | 425 | 429 | 500 | 502 | 503 | 504 | 507) sleep $wait ;; *) return ;; esac
    wait=$((wait < 16 ? wait * 2 : 30))
  done
}

ask --head "$url/v1/streams/$stream"
case $status in
  200) count=$(awk 'tolower($1) == "millrace-count:" { printf "%d", $2 }' "$dir/reply") ;;
  404) count=0 ;;
  *) cat "$dir/reply" >&2 && exit 1 ;;
esac
while tail -n "+$((count + 1))" "$file" | head -n 10000 >"$dir/lines" && [ -s "$dir/lines" ]; do
  # sent again after an unknown outcome, the offset makes the gateway skip what it has
  ask --data-binary "@$dir/lines" "$url/v1/events?stream=$stream&offset=$count"
  [ "$status" = 200 ] || { cat "$dir/reply" >&2 && exit 1; }
  count=$((count + $(grep -c '' "$dir/lines")))
  echo "$count events are stored"
done
