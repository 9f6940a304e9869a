#!/usr/bin/env bash
# Hands the Postgres primary's part to its synchronous standby, in order: nothing is lost, and nobody need
# notice. Only that one has all that was acknowledged, so there is nothing to choose.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Asked inside the member: Patroni answers 200 if it can read who the members are, which who is cut off cannot.
readonly PROBE='exec 3<>/dev/tcp/127.0.0.1/8008; printf "GET /cluster HTTP/1.0\r\n\r\n" >&3
  read -rt 3 _ status _ <&3; [ "$status" = 200 ]'

for zone in a b c; do
  if docker compose exec -T "postgres-$zone" bash -c "$PROBE" >/dev/null 2>&1; then
    exec docker compose exec -T "postgres-$zone" python3 /etc/holdfast/handover.py
  fi
done
fail "no member of Postgres knows of the others: make up, or make heal"
