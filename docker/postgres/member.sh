#!/bin/bash
# One member of the replicated cluster: Patroni, which runs Postgres, and beside it successor.py.
set -euo pipefail
# shellcheck source=docker/postgres/patroni.env
. /etc/holdfast/patroni.env

while true; do
  PYTHONPATH=/etc python3 -m holdfast.successor || true
  sleep 1
done &

# Who begins with nothing makes the cluster: a's member, so that c has neither primary nor synchronous
# standby at first. Where a is missing the next one does not wait for it for long.
if [ ! -e /data/member ]; then
  case $INSTANCE in *-b-*) sleep 3 ;; *-c-*) sleep 6 ;; esac
fi

# What all members must agree on is etcd's once the cluster is made: a new image's number of connections
# is told to it before Postgres starts, once. Where etcd does not answer, the next start tells it.
connections=$(sed -n 's/^ *max_connections: *//p' /etc/holdfast/patroni.yaml)
if [ -e /data/member ] && [ "$connections" != "$(cat /data/connections 2>/dev/null)" ]; then
  if timeout 20 bash /etc/holdfast/ctl.sh edit-config --force --quiet --pg "max_connections=$connections"; then
    echo "$connections" >/data/connections
  fi
fi

# -P: beside it lies etcd.py, and Patroni means another module by that name.
exec python3 -P /etc/holdfast/run.py /etc/holdfast/patroni.yaml
