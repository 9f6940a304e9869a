#!/bin/bash
# Brings roles and databases to what the environment says: makes what is missing, keeps passwords in
# step, takes nothing away. Safe to run again. One role and one database of the same name a service;
# nobody else may connect to it.
# Environment: <SERVICE>_DB_PASSWORD of each, POSTGRES_PASSWORD. Connects as psql does (PGHOST, PGUSER).
set -euo pipefail

# No statement into the log, whatever becomes of it: passwords are in them.
export PGOPTIONS="${PGOPTIONS:-} -c log_min_error_statement=panic -c log_min_duration_statement=-1"
readonly services="catalog sessions orders tickets notifications acquirer"
as_superuser() { psql -XqAt --set ON_ERROR_STOP=1 --dbname postgres; }

as_superuser <<'SQL'
\getenv password POSTGRES_PASSWORD
ALTER ROLE postgres PASSWORD :'password';
SQL

for service in $services; do
  PASSWORD_OF=${service^^}_DB_PASSWORD
  PASSWORD=${!PASSWORD_OF:?} SERVICE=$service as_superuser <<'SQL'
\getenv service SERVICE
\getenv password PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'service')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service') \gexec
ALTER ROLE :"service" PASSWORD :'password';
-- A caller that hangs holds its locks no longer than its callers wait. A migration sets its own limits.
ALTER ROLE :"service" SET lock_timeout = '2s';
ALTER ROLE :"service" SET idle_in_transaction_session_timeout = '1s';
ALTER ROLE :"service" SET statement_timeout = '5s';
ALTER ROLE :"service" SET transaction_timeout = '8s';
SELECT format('CREATE DATABASE %I OWNER %I', :'service', :'service')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
\connect :service
-- How old an answer from here may be: 0 on the primary; on a standby the time since the primary last said
-- that there is nothing newer, or since the last commit that was replayed, whichever is later.
CREATE SCHEMA IF NOT EXISTS replication;
GRANT USAGE ON SCHEMA replication TO :"service";
CREATE OR REPLACE FUNCTION replication.staleness_seconds() RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 ELSE greatest(0, extract(epoch FROM
    clock_timestamp() - greatest(pg_last_xact_replay_timestamp(), (
      SELECT last_msg_send_time FROM pg_stat_wal_receiver
      WHERE status = 'streaming' AND latest_end_lsn <= pg_last_wal_replay_lsn()))))
  END
$$;
-- For how long this is the primary for certain: what was read here meanwhile is not old. 0 or less: nobody
-- knows (tenure.py).
CREATE OR REPLACE FUNCTION replication.primary_for_seconds() RETURNS double precision
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce(
    pg_read_file('/tmp/primary_until', true)::double precision - extract(epoch FROM clock_timestamp()), 0)
  END
$$;
SQL
done
