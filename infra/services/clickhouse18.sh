# Debian's ClickHouse 18.16, a whole server and its client: for the wire and its errors. Unpacked, not installed.
programs=$packages/clickhouse-18.16-client
libraries=$programs/usr/lib/$(uname -m)-linux-gnu:$programs/lib/$(uname -m)-linux-gnu

install() {
  [ -e "$programs/done" ] && return
  need apt-get 'apt (a Debian or Ubuntu)'
  need dpkg dpkg
  rm -rf "$programs" && mkdir -p "$programs/debs"
  local names
  # what is not installed yet of all that it needs; plans only
  names=$(apt-get -s install --no-install-recommends clickhouse-server clickhouse-client 2>"$programs/apt.log" | awk '/^Inst/ && !/-common \(1:/ { print $2 }')
  [[ $names == *clickhouse-server* ]] || unavailable "apt has no clickhouse-server: $(tail -n 2 "$programs/apt.log" | tr '\n' ' ')"
  # shellcheck disable=SC2086
  (cd "$programs/debs" && apt-get download $names >"$programs/apt.log" 2>&1) ||
    unavailable "apt cannot download it: $(grep -m 1 '^E:' "$programs/apt.log")"
  for deb in "$programs"/debs/*.deb; do dpkg -x "$deb" "$programs"; done
  rm -r "$programs/debs"
  [ -x "$programs/usr/sbin/clickhouse-server" ] || unavailable 'the package has no usr/sbin/clickhouse-server: is it another version?'
  cat >"$programs/client" <<END
#!/bin/sh
exec env TZ=UTC LD_LIBRARY_PATH='$libraries' '$programs/usr/bin/clickhouse-client' "\$@"
END
  chmod +x "$programs/client"
  touch "$programs/done"
}

launch() {
  mkdir -p "$dir/data" "$dir/tmp" "$dir/files"
  cat >"$dir/config.xml" <<END
<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host><http_port>$(port http)</http_port><tcp_port>$(port tcp)</tcp_port>
  <path>$dir/data/</path><tmp_path>$dir/tmp/</tmp_path><user_files_path>$dir/files/</user_files_path>
  <users_config>$dir/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone>
</yandex>
END
  cat >"$dir/users.xml" <<END
<yandex>
  <profiles><default/><reader><readonly>1</readonly></reader></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password>millrace</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
    <reader><password>reader</password><networks><ip>127.0.0.1</ip></networks><profile>reader</profile><quota>default</quota></reader>
  </users>
</yandex>
END
  # it does not run as root over files of another
  [ "$(id -u)" -eq 0 ] && chown -R nobody "$dir"
  background "${nobody[@]}" env TZ=UTC LD_LIBRARY_PATH="$libraries" "$programs/usr/sbin/clickhouse-server" --config-file="$dir/config.xml"
}

ready() { [ "$(curl -s "http://127.0.0.1:$(port http)/ping")" = Ok. ]; }
addresses() {
  export_value MILLRACE_TEST_CLICKHOUSE18 "http://default:millrace@127.0.0.1:$(port http)"
  # of its native protocol, and a program that speaks it
  export_value MILLRACE_TEST_CLICKHOUSE18_PORT "$(port tcp)"
  export_value MILLRACE_TEST_CLICKHOUSE18_CLIENT "$programs/client"
}
