#!/usr/bin/env bash
# Starts the cluster anew with the databases of a backup: restore.sh [FOLDER], the newest one by default.
# All that there is now goes: Postgres, etcd, Kafka, Redis. What was told after the backup would otherwise
# be told of orders that nobody knows. So it asks for REPLACE=yes where there is anything to lose.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly LIMIT_SECONDS=120

newest() { { find backups -mindepth 2 -maxdepth 2 -name base.tar.gz 2>/dev/null || true; } | sort | tail -n 1; }
volumes() { docker volume ls --quiet --filter "label=com.docker.compose.project=$PROJECT"; }

file=${1:+$1/base.tar.gz}
file=${file:-$(newest)}
if [ -z "$file" ] || [ ! -s "$file" ]; then fail "there is no backup in ${1:-backups/}. What there is: ls backups/; a new one: make backup"; fi
# Read to its end before anything goes: what is cut short, or no backup at all, brings nothing back.
if ! tar -tzf "$file" backup_label global/pg_control >/dev/null 2>&1; then
  fail "$file is not a whole backup. Nothing was changed: make restore FROM= another one"
fi
if [ -n "$(volumes)" ] && [ "${REPLACE:-}" != yes ]; then
  fail "There is data in project $PROJECT, and all of it would go: make restore REPLACE=yes${1:+ FROM=$1}"
fi

scripts/engine.sh
scripts/secrets.sh
scripts/images.sh
scripts/down.sh
step "removing the data that there is"
volumes | xargs --no-run-if-empty docker volume rm >/dev/null
size=$(($(wc -c <"$file") / 1048576))
quietly "$file into postgres-a ($size MiB)" docker compose run --rm --no-deps --no-TTY --entrypoint bash postgres-a \
  -ec 'mkdir -m 0700 /data/new && tar -xzf - -C /data/new && mv /data/new /data/member' <"$file"
# It begins alone: the others, with nothing of their own, would make a new cluster meanwhile.
quietly "starting postgres-a with it" docker compose up --detach --no-build --no-deps etcd-a etcd-b etcd-c postgres-a
sql() { docker compose exec -T postgres-a psql -XqAt -h /tmp -U postgres --set ON_ERROR_STOP=1 --dbname "$1"; }
# Postgres itself is asked: Patroni says primary as soon as it has the lock, when nothing may be written yet.
writable() { [ "$(sql postgres 2>/dev/null <<<'SELECT pg_is_in_recovery()')" = f ]; }
deadline=$(($(elapsed) + LIMIT_SECONDS))
until writable; do
  if [ "$(elapsed)" -ge "$deadline" ]; then fail "postgres-a did not begin: make logs S=postgres-a"; fi
  sleep 0.5
done
step "what it had told is to be told again"
for database in $(sql postgres <<<"SELECT datname FROM pg_database WHERE NOT datistemplate"); do
  sql "$database" <scripts/restore.sql
done
exec scripts/up.sh
