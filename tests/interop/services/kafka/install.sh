#!/usr/bin/env bash
# Apache Kafka from Maven Central, and an empty data folder of a broker that is its own controller. Kept in the CI cache:
# a second run needs no network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${FLUVIO_CI_CACHE:-$HOME/.cache/fluvio-ci}/kafka-$(sha256sum "$here/pom.xml" "$here/install.sh" | sha256sum | cut -c1-12)
current=$(dirname "$home")/kafka
if [ ! -e "$home/ready" ]; then
  for tool in java mvn; do
    command -v "$tool" > /dev/null && continue
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends maven default-jre-headless
  done
  rm -rf "$home"
  mkdir -p "$home"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$home/libs"
  cat > "$home/format.properties" << END
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:9093
log.dirs=$home/data
END
  # the user `scram` with the password `scram-secret`, for tests of SASL
  java -cp "$home/libs/*" kafka.tools.StorageTool format --cluster-id=fluvio-tests-kafka-0001 \
    --config="$home/format.properties" \
    --add-scram='SCRAM-SHA-256=[name=scram,password=scram-secret]' \
    --add-scram='SCRAM-SHA-512=[name=scram,password=scram-secret]'
  touch "$home/ready"
fi
ln -sfn "$(basename "$home")" "$current"
find "$(dirname "$home")" -maxdepth 1 -type d -name 'kafka-*' ! -path "$home" -exec rm -rf {} +

# The classes that a start loads, in a file that the JVM maps: a start takes less than half the time. One run of the broker makes
# it; without it (no free port, another JVM) tests are slower and no more.
if [ ! -e "$home/classes.jsa" ]; then
  run=$(mktemp -d)
  port=$((20000 + RANDOM % 9000))
  cp -r "$home/data" "$run/data"
  sed "s|:9092|:$port|; s|:9093|:$((port + 1))|g; s|^log.dirs=.*|log.dirs=$run/data|" "$home/format.properties" > "$run/server.properties"
  java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit="$home/classes.jsa" \
    -Dlog4j2.configurationFile="$here/log4j2.properties" -cp "$current/libs/*" kafka.Kafka "$run/server.properties" > "$run/log" 2>&1 &
  broker=$!
  for _ in $(seq 300); do
    kill -0 $broker 2> /dev/null || break
    (echo > "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break
    sleep 0.2
  done
  kill $broker 2> /dev/null || true
  wait $broker || true
  rm -rf "$run"
fi
