#!/bin/bash
# Patroni calls this when Postgres has started or changed its role: on_role.sh ACTION ROLE SCOPE.
# A primary brings roles and databases up to date, if what they follow from has changed (a new image, new
# passwords). The mark of it is in the database itself, so that every later primary knows it.
set -euo pipefail
case $2 in primary | master) ;; *) exit 0 ;; esac

# Not waiting for a standby: none may be able to come in before this (a backup has the passwords of its
# day). And no statement into the log (provision.sh).
export PGOPTIONS='-c synchronous_commit=local -c log_min_error_statement=panic -c log_min_duration_statement=-1'

# It is called when the promotion begins.
for _ in {1..300}; do
  if [ "$(psql -XqAtc 'SELECT pg_is_in_recovery()' postgres)" = f ]; then break; fi
  sleep 0.2
done

wanted=$(cat /etc/holdfast/provision.sh <(env | grep '_PASSWORD=' | sort) | sha256sum | cut -c 1-32)
mark=$(psql -XqAtc "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'postgres'" postgres)
if [ "$mark" = "provisioned $wanted" ]; then exit 0; fi
bash /etc/holdfast/provision.sh
psql -XqAt --set ON_ERROR_STOP=1 postgres <<'SQL'
\getenv password REPLICATION_PASSWORD
ALTER ROLE replicator PASSWORD :'password';
ALTER ROLE rewinder PASSWORD :'password';
SQL
psql -XqAtc "COMMENT ON DATABASE postgres IS 'provisioned $wanted'" postgres
