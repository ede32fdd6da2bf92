# The last Kafka of the 3 series.
kafka_version=3.9.1
kafka_name=KAFKA3
. "$here/kafka.sh"
