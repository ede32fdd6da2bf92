#!/usr/bin/env bash
# Real servers for tests, on this machine and without containers: see services/README.md.
set -euo pipefail
# Java names files by it
export LC_ALL=C.UTF-8

usage() {
  cat <<'END'
usage: infra/services.sh start|stop|restart|status|clean [NAME[@INSTANCE]…]

  start    installs what is not there yet, starts it on free ports and prints its addresses as
           lines of `export NAME=value`; what runs already is only printed
  stop     ends them; their data stays
  restart  ends and starts them on the same ports and data, as a crash of the server would: SIGKILL
  status   a line each
  clean    ends them and removes their data

NAMEs: those of services/*.sh; default: all. postgres@faults is a Postgres of its own, beside `postgres`.
Files lie in $MILLRACE_SERVICES, or in a cache folder. Exit code 3: it cannot be had on this machine; says why.
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/services" && pwd)
if [ "$(id -u)" -eq 0 ]; then default=/var/cache/millrace/services; else default=${XDG_CACHE_HOME:-$HOME/.cache}/millrace/services; fi
root=${MILLRACE_SERVICES:-$default}
mkdir -p "$root/packages" "$root/run"
# servers that refuse root run as nobody, and must reach their files
chmod 755 "$root" "$root/packages" "$root/run"

# For services/*.sh: they have the functions below and the variables `packages` (shared by instances),
# `dir` (the instance's own folder) and `log`. They define
#   install  brings programs to $packages; once per machine
#   launch   calls `background COMMAND…`; `port NAME` is the same for the life of an instance
#   ready    succeeds once it answers
#   addresses  calls `export_value NAME value`
packages=$root/packages

unavailable() {
  echo "$service: $*" >&2
  exit 3
}
need() { # command, what brings it
  command -v "$1" >/dev/null 2>&1 || unavailable "there is no $1 on this machine: install $2"
}
free_port() {
  node -e 'const s = require("node:net").createServer(); s.listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}
port() { # name: the same for the life of the instance
  local file=$dir/port-$1
  [ -s "$file" ] || free_port >"$file"
  cat "$file"
}
as_nobody() { "${nobody[@]}" "$@"; }
nobody=()
[ "$(id -u)" -eq 0 ] && nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
background() { # command…: in a process group of its own, so that a crash takes all of it; sets $pid
  (
    exec 8>&- 9>&- </dev/null >>"$log" 2>&1
    if command -v setsid >/dev/null; then exec setsid "$@"; else exec "$@"; fi
  ) &
  pid=$!
}
export_value() { printf 'export %s=%q\n' "$1" "$2"; }
maven() { # folder, group:artifact:version…: their jars with all that they need
  local folder=$1 list='' spec group artifact version
  shift
  [ -e "$folder/done" ] && return
  need mvn maven
  need java 'a Java runtime of version 17 or later'
  for spec in "$@"; do
    IFS=: read -r group artifact version <<<"$spec"
    list+="<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
  done
  rm -rf "$folder" && mkdir -p "$folder"
  echo "<project xmlns='http://maven.apache.org/POM/4.0.0'><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>services</artifactId><version>1</version><dependencies>$list</dependencies></project>" >"$folder/pom.xml"
  mvn -q -B -f "$folder/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder" -DincludeScope=runtime >"$folder/maven.log" 2>&1 ||
    unavailable "Maven cannot fetch $*: $(grep -m 1 ERROR "$folder/maven.log" | cut -c 1-300)"
  touch "$folder/done"
}
npm_package() { # folder, name@version…
  local folder=$1
  shift
  [ -e "$folder/done" ] && return
  rm -rf "$folder" && mkdir -p "$folder"
  echo '{"private":true}' >"$folder/package.json"
  npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts "$@" >"$folder/npm.log" 2>&1 ||
    unavailable "npm cannot install $*: $(tail -n 3 "$folder/npm.log" | tr '\n' ' ')"
  touch "$folder/done"
}

alive() { [ -s "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; }

start_one() {
  if ! alive; then
    exec 8>"$root/install-$service.lock" && flock 8
    install
    exec 8>&-
    : >"$log"
    launch
    echo "$pid" >"$dir/pid"
  fi
  for _ in $(seq 600); do
    if ready >/dev/null 2>&1; then
      addresses
      return
    fi
    alive || break
    sleep 0.1
  done
  echo "$service does not start; its log ends with:" >&2
  tail -n 15 "$log" >&2
  stop_one KILL
  exit 1
}

stop_one() { # signal
  if alive; then
    local pid
    pid=$(cat "$dir/pid")
    if [ "$1" = KILL ]; then kill -KILL "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true; else kill "-$1" "$pid" 2>/dev/null || true; fi
    for n in $(seq 200); do
      kill -0 "$pid" 2>/dev/null || break
      [ "$n" -eq 150 ] && kill -KILL "$pid" 2>/dev/null
      sleep 0.1
    done
  fi
  rm -f "$dir/pid"
}

perform() { # in a shell of its own: each service defines the same functions
  local command=$1 name=$2
  service=${name%%@*}
  [ -f "$here/$service.sh" ] || {
    echo "there is no service $service: there are $(cd "$here" && printf '%s ' *.sh | sed 's/\.sh//g')" >&2
    exit 2
  }
  dir=$root/run/$name
  log=$dir/log
  mkdir -p "$dir"
  exec 9>"$root/run/$name.lock"
  flock 9
  # shellcheck source=/dev/null
  . "$here/$service.sh"
  case $command in
    start) start_one ;;
    stop) stop_one "${stop_signal:-TERM}" ;;
    restart)
      stop_one KILL
      start_one
      ;;
    status) if alive && ready >/dev/null 2>&1; then echo "$name runs, pid $(cat "$dir/pid")"; else echo "$name does not run"; fi ;;
    clean)
      stop_one KILL
      rm -rf "$dir"
      ;;
  esac
}

command=${1:-help}
shift || true
case $command in
  start | stop | restart | status | clean) ;;
  help | -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac
names=("$@")
if [ ${#names[@]} -eq 0 ] && [ "$command" = start ]; then
  for file in "$here"/*.sh; do names+=("$(basename "$file" .sh)"); done
elif [ ${#names[@]} -eq 0 ]; then
  for folder in "$root"/run/*/; do [ -d "$folder" ] && names+=("$(basename "$folder")"); done
fi
failed=0
for name in "${names[@]}"; do
  (perform "$command" "$name") || failed=$?
done
exit "$failed"
