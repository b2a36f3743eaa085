#!/bin/sh
# Entry point of the stand-in for the image of Kafka: Kafka's own wrapper turns KAFKA_* into properties and
# formats the storage.
set -euf
export CLUSTER_ID="${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}"
java="/opt/jre/bin/java -XX:TieredStopAtLevel=1 -cp /opt/kafka/libs/*"
mkdir -p /tmp/defaults /tmp/mounted
echo process.roles=broker,controller >/tmp/defaults/server.properties
: >/tmp/defaults/log4j2.yaml
: >/tmp/defaults/tools-log4j2.yaml
setup="setup --default-configs-dir /tmp/defaults --mounted-configs-dir /tmp/mounted"
output=$($java kafka.docker.KafkaDockerWrapper $setup --final-configs-dir /opt/kafka/config 2>&1) ||
  echo "$output" | grep -qi "already formatted" || { echo "$output"; exit 1; }
exec $java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=info kafka.Kafka \
  /opt/kafka/config/server.properties
