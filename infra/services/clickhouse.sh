# Today's ClickHouse: the engine out of the npm package chdb, behind an HTTP front (clickhouse-front.mjs).
version=3.4.0
programs=$packages/chdb-$version

install() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-aarch64 | Darwin-x86_64 | Darwin-arm64) ;;
    *) unavailable "there is no engine of it for $(uname -s) on $(uname -m)" ;;
  esac
  npm_package "$programs" "chdb@$version"
}

launch() {
  mkdir -p "$dir/data" "$dir/bodies"
  background env TZ=UTC UV_THREADPOOL_SIZE=16 node "$here/clickhouse-front.mjs" "$programs" "$dir" "$(port http)"
}

ready() { [ "$(curl -s "http://127.0.0.1:$(port http)/ping")" = Ok. ]; }
addresses() { export_value MILLRACE_TEST_CLICKHOUSE "http://127.0.0.1:$(port http)"; }
