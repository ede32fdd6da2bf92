# S3Proxy over a folder: S3's API with signatures, multipart uploads and conditional writes, the latter made atomic by a
# front (s3-front.mjs).
version=3.1.0
programs=$packages/s3proxy-$version-jackson-2.21

# what it is resolved with has two versions of Jackson, so that it could not read the bodies of requests
install() {
  maven "$programs" "org.gaul:s3proxy:$version" com.fasterxml.jackson.core:jackson-{core,databind}:2.21.2
}

launch() {
  mkdir -p "$dir/data"
  cat >"$dir/s3proxy.conf" <<END
s3proxy.authorization=aws-v2-or-v4
s3proxy.endpoint=http://127.0.0.1:$(port inner)
s3proxy.identity=millrace
s3proxy.credential=millrace-secret
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir=$dir/data
END
  echo '<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %level %logger %msg%n</pattern></encoder></appender><root level="warn"><appender-ref ref="out"/></root></configuration>' >"$dir/logback.xml"
  background node "$here/s3-front.mjs" "$(port http)" "$(port inner)" java -Xmx512m -XX:+UseSerialGC -Dlogback.configurationFile="$dir/logback.xml" -cp "$programs/*" org.gaul.s3proxy.Main --properties "$dir/s3proxy.conf"
}

ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$(port http)/")" = 403 ]; }
addresses() { export_value MILLRACE_TEST_S3 "http://127.0.0.1:$(port http)"; }
