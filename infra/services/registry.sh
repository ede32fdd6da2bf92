# Apicurio Registry, in memory: a schema registry with Confluent's API.
version=2.6.13.Final
programs=$packages/registry-$version

install() {
  [ -e "$programs/done" ] && return
  need mvn maven
  need java 'a Java runtime of version 17 or later'
  need unzip unzip
  local spec=io.apicurio:apicurio-registry-app:$version:zip:all
  rm -rf "$programs" && mkdir -p "$programs"
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$spec" -DoutputDirectory="$programs" >"$programs/maven.log" 2>&1 ||
    unavailable "Maven cannot fetch $spec: $(grep -m 1 ERROR "$programs/maven.log" | cut -c 1-300)"
  unzip -q "$programs"/*.zip -d "$programs"
  rm "$programs"/*.zip
  touch "$programs/done"
}

launch() {
  background java -Xmx384m -XX:+UseSerialGC -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$(port http)" \
    -jar "$programs/apicurio-registry-app-$version-runner.jar"
}

ready() { curl -sf "http://127.0.0.1:$(port http)/apis/ccompat/v7/subjects"; }
addresses() { export_value MILLRACE_TEST_REGISTRY "http://127.0.0.1:$(port http)/apis/ccompat/v7"; }
