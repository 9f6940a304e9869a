#!/bin/bash
# Starts one broker: its own settings below the shared ones, a format for an empty disk, then the JVM
# in this process' place, so that signals reach it.
# Environment: ZONE (a, b or c) says which broker this is; REGION names the cluster (default east).
set -euo pipefail

readonly home=/opt/kafka config=/tmp/server.properties
zone=${ZONE:?which zone is this broker in: a, b or c?}
case $zone in
  a) id=1 ;;
  b) id=2 ;;
  c) id=3 ;;
  *) echo "ZONE is $zone, and there are only a, b and c" >&2 && exit 2 ;;
esac

{
  cat "$home/server.properties"
  cat <<END
node.id=$id
broker.rack=$zone
listeners=CLIENTS://:9092,CONTROLLER://:9093
advertised.listeners=CLIENTS://kafka-$zone:9092,CONTROLLER://kafka-$zone:9093
END
} >"$config"

# The same name on each broker of a region and on no other region's: they refuse a stranger's disk.
# 21 digits and an A are 16 bytes in base64, as Kafka wants them.
cluster=$(printf 'holdfast %s' "${REGION:-east}" | sha256sum | cut -c1-21)A

# Wakes without interrupting whoever is at work, as the services do (chassis/lifecycle.py).
chrt --batch --pid 0 $$ 2>/dev/null || true

cd "$home"
if [ ! -e /data/meta.properties ]; then
  echo "formatting an empty disk for the cluster $cluster"
  java @jvm.options -cp "$(<classpath)" -XX:SharedArchiveFile=kafka.jsa \
    kafka.tools.StorageTool format --ignore-formatted --cluster-id "$cluster" --config "$config" >/dev/null
fi
exec java @jvm.options -cp "$(<classpath)" -XX:SharedArchiveFile=kafka.jsa kafka.Kafka "$config"
