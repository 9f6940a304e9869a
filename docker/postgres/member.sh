#!/bin/bash
# One member of the replicated cluster: Patroni, which runs Postgres, and beside it successor.py.
set -euo pipefail
# shellcheck source=docker/postgres/patroni.env
. /etc/holdfast/patroni.env

while true; do
  python3 /etc/holdfast/successor.py || true
  sleep 1
done &

# Who begins with nothing makes the cluster: a's member, so that c has neither primary nor synchronous
# standby at first. Where a is missing the next one does not wait for it for long.
if [ ! -e /data/member ]; then
  case $INSTANCE in *-b-*) sleep 3 ;; *-c-*) sleep 6 ;; esac
fi

exec patroni /etc/holdfast/patroni.yaml
