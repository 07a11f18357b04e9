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
