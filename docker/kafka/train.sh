#!/bin/bash
# Runs once, while the image is built: starts a broker alone and stops it again, so that the JVM can
# write down the classes that it loaded (class-data sharing), and later starts need not parse them.
set -euo pipefail

work=$(mktemp -d)
sed -e 's/^controller.quorum.voters=.*/controller.quorum.voters=1@localhost:9093/' \
  -e "s#^log.dirs=.*#log.dirs=$work/data#" server.properties >"$work/server.properties"
cat >>"$work/server.properties" <<END
node.id=1
listeners=CLIENTS://localhost:9092,CONTROLLER://localhost:9093
END

jvm=(java @jvm.options -cp "$(<classpath)")
"${jvm[@]}" kafka.tools.StorageTool format --cluster-id holdfastholdfastholdAA --config "$work/server.properties"
"${jvm[@]}" -Xlog:cds=error -XX:ArchiveClassesAtExit="$PWD/kafka.jsa" kafka.Kafka "$work/server.properties" &
broker=$!
for _ in $(seq 300); do
  if (: </dev/tcp/localhost/9092) 2>/dev/null; then break; fi
  sleep 0.2
done
sleep 1
kill -TERM "$broker"
wait "$broker" || true
rm -rf "$work"
test -s kafka.jsa
