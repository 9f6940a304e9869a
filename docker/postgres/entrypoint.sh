#!/bin/bash
# Starts Postgres. With ETCD_NODES it is a member of the replicated cluster (member.sh). Without, it is a
# server by itself, for tests: an empty disk is made a cluster, roles and databases are brought up to
# date, then this becomes the server, so that signals reach it.
set -euo pipefail

# Wakes without interrupting whoever is at work, as the services do (chassis/lifecycle.py).
chrt --batch --pid 0 $$ 2>/dev/null || true

if [ -n "${ETCD_NODES:-}" ]; then exec bash /etc/holdfast/member.sh; fi

export PGDATA=/data/postgres PGHOST=/tmp PGUSER=postgres
readonly config=/etc/holdfast/postgresql.conf provision=/etc/holdfast/provision.sh
server=(postgres -D "$PGDATA" -c "config_file=$config")

if [ ! -e "$PGDATA/PG_VERSION" ]; then
  echo "making a new cluster in $PGDATA"
  # An initdb that was killed half-way left files and no server ever ran on them.
  rm -rf "$PGDATA.new"
  initdb --pgdata "$PGDATA.new" --username postgres --pwfile <(printenv POSTGRES_PASSWORD) \
    --auth scram-sha-256 --encoding UTF8 --locale-provider builtin --builtin-locale C.UTF-8 --locale C.UTF-8 \
    --data-checksums --no-instructions >/dev/null
  mv "$PGDATA.new" "$PGDATA"
fi

# What was provisioned last is remembered, so that a restart with nothing new to do is a quick one.
wanted=$(cat "$provision" <(env | grep '_PASSWORD=' | sort) | sha256sum)
if [ "$wanted" != "$(cat "$PGDATA/provisioned" 2>/dev/null)" ]; then
  "${server[@]}" -c listen_addresses= &
  until pg_isready --quiet; do
    kill -0 $! || exit 1
    sleep 0.1
  done
  bash "$provision"
  (umask 077 && echo "$wanted" >"$PGDATA/provisioned")
  kill -INT $! && wait $!
fi

exec "${server[@]}"
