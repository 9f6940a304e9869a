#!/usr/bin/env bash
# Copies all databases as they are at one moment into backups/<time>/, while everything goes on.
# The synchronous standby is read: nothing acknowledged is missing, and the primary is not held up.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
umask 077  # passwords' hashes and all orders are in it

readonly STALL_SECONDS=${STALL_SECONDS:-60}

# member: who is to be read. The synchronous standby has all that was acknowledged; any other one may
# be behind by as much as it missed.
member() {
  local zone
  for zone in c b a; do
    if patroni_agrees "postgres-$zone" /synchronous 2; then
      echo "postgres-$zone"
      return
    fi
  done
}

from=$(member)
if [ -z "$from" ]; then
  fail "Postgres has no synchronous standby, and no other member has all that was acknowledged: make up, or make heal"
fi
folder=backups/$(date +%Y%m%d-%H%M%S)
mkdir -p "$folder"
step "reading $from"
docker compose exec -T "$from" pg_basebackup -h /tmp -U postgres --pgdata=- --format=tar --wal-method=fetch \
  --checkpoint=fast --gzip >"$folder/base.part" 2>"$folder/said" &
copy=$!
ended() {
  kill "$copy" 2>/dev/null || true
  rm -rf "$folder"
}
trap 'ended; exit 130' INT
trap 'ended; exit 143' TERM
size=0 grown=$(elapsed)
while kill -0 "$copy" 2>/dev/null; do
  sleep 0.5
  if [ "$(wc -c <"$folder/base.part")" != "$size" ]; then
    size=$(wc -c <"$folder/base.part") grown=$(elapsed)
  elif [ $(($(elapsed) - grown)) -ge "$STALL_SECONDS" ]; then
    ended
    fail "$from gave nothing for $STALL_SECONDS s, and the backup was given up: make status, make heal"
  fi
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
