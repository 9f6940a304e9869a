#!/usr/bin/env bash
# Hands the Postgres primary's part to its synchronous standby, in order: nothing is lost, and nobody need
# notice. Only that one has all that was acknowledged, so there is nothing to choose.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for zone in a b c; do
  if docker compose ps --status running --services | grep -qx "postgres-$zone"; then
    exec docker compose exec -T "postgres-$zone" python3 /etc/holdfast/handover.py
  fi
done
fail "no member of Postgres runs: make up, or make heal"
