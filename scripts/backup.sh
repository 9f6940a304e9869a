#!/usr/bin/env bash
# Copies all databases as they are at one moment into backups/<time>/, while everything goes on.
# A standby is read where there is one, so that the primary is not held up.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
umask 077  # passwords' hashes and all orders are in it

readonly ROLE='SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE 1 END'

# member: who is to be read; standbys first.
member() {
  local zone role
  for zone in c b a; do
    if role=$(docker compose exec -T "postgres-$zone" psql -XqAt -h /tmp -U postgres -c "$ROLE" postgres 2>/dev/null); then
      echo "$role postgres-$zone"
    fi
  done | sort --stable --key=1,1 | head -n 1 | cut -d' ' -f2
}

from=$(member)
if [ -z "$from" ]; then fail "no member of Postgres answers: make up, or make heal"; fi
folder=backups/$(date +%Y%m%d-%H%M%S)
mkdir -p "$folder"
step "reading $from"
docker compose exec -T "$from" pg_basebackup -h /tmp -U postgres --pgdata=- --format=tar --wal-method=fetch \
  --checkpoint=fast --gzip >"$folder/base.part" 2>"$folder/said" &
copy=$!
trap 'kill "$copy" 2>/dev/null; rm -rf "$folder"' INT TERM
while kill -0 "$copy" 2>/dev/null; do
  sleep 0.5
  if [ -t 1 ]; then printf '\r%4ss  %s MiB' "$(elapsed)" "$(($(wc -c <"$folder/base.part") / 1048576))"; fi
done
if [ -t 1 ]; then printf '\r\033[K'; fi
# Not cut short, and with the label that says from where to go on.
if ! wait "$copy" || ! tar -tzf "$folder/base.part" backup_label >/dev/null 2>&1; then
  cat "$folder/said" >&2
  rm -rf "$folder"
  fail "the backup failed"
fi
rm "$folder/said"
mv "$folder/base.part" "$folder/base.tar.gz"
step "$folder: $(($(wc -c <"$folder/base.tar.gz") / 1048576)) MiB. Bring it back with: make restore FROM=$folder"
