# Kafka in KRaft mode, one broker: plain, and SASL over TLS on a second listener.
version=${kafka_version:-4.1.1}
programs=$packages/kafka-$version

install() { maven "$programs" "org.apache.kafka:kafka_2.13:$version" org.slf4j:slf4j-nop:1.7.36; }

launch() {
  local data=$dir/data jaas='org.apache.kafka.common.security'
  if [ ! -e "$dir/server.p12" ]; then
    keytool -genkeypair -alias broker -keyalg EC -groupname secp256r1 -dname CN=localhost -ext san=dns:localhost,ip:127.0.0.1 \
      -validity 3650 -storetype PKCS12 -keystore "$dir/server.p12" -storepass millrace >>"$log" 2>&1
    keytool -exportcert -rfc -alias broker -keystore "$dir/server.p12" -storepass millrace >"$dir/ca.pem" 2>>"$log"
  fi
  cat >"$dir/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(port controller)
listeners=PLAINTEXT://127.0.0.1:$(port plain),SASL_SSL://127.0.0.1:$(port sasl),CONTROLLER://127.0.0.1:$(port controller)
advertised.listeners=PLAINTEXT://127.0.0.1:$(port plain),SASL_SSL://localhost:$(port sasl)
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
log.dirs=$data
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
ssl.keystore.location=$dir/server.p12
ssl.keystore.password=millrace
ssl.keystore.type=PKCS12
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.plain.sasl.jaas.config=$jaas.plain.PlainLoginModule required user_millrace="secret";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=$jaas.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="millrace";
END
  [ -e "$data/meta.properties" ] || java -cp "$programs/*" kafka.tools.StorageTool format -t MillraceTestsAAAAAAAAAA \
    --add-scram 'SCRAM-SHA-256=[name=millrace,password=secret]' --add-scram 'SCRAM-SHA-512=[name=millrace,password=secret]' \
    -c "$dir/server.properties" >>"$log" 2>&1
  background java -Xms256m -Xmx512m -XX:+UseSerialGC -cp "$programs/*" kafka.Kafka "$dir/server.properties"
}

ready() { (echo >"/dev/tcp/127.0.0.1/$(port plain)") && (echo >"/dev/tcp/127.0.0.1/$(port sasl)"); }
addresses() {
  export_value "MILLRACE_TEST_${kafka_name:-KAFKA}" "127.0.0.1:$(port plain)"
  export_value "MILLRACE_TEST_${kafka_name:-KAFKA}_SASL" "localhost:$(port sasl)"
  export_value "MILLRACE_TEST_${kafka_name:-KAFKA}_CA" "$dir/ca.pem"
}
