#!/bin/bash
# Patroni calls this when Postgres has started or changed its role: on_role.sh ACTION ROLE SCOPE.
# A primary brings roles and databases up to date, if what they follow from has changed (a new image, new
# passwords). The mark of it is in the database itself, so that every later primary knows it.
set -euo pipefail
case $2 in primary | master) ;; *) exit 0 ;; esac

wanted=$(cat /etc/holdfast/provision.sh <(env | grep '_PASSWORD=' | sort) | sha256sum | cut -c 1-32)
mark=$(psql -XqAtc "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'postgres'" postgres)
if [ "$mark" = "provisioned $wanted" ]; then exit 0; fi
bash /etc/holdfast/provision.sh
psql -XqAtc "COMMENT ON DATABASE postgres IS 'provisioned $wanted'" postgres
