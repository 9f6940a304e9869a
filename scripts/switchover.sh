#!/usr/bin/env bash
# Hands the Postgres primary's part to its synchronous standby, in order: nothing is lost, and nobody need
# notice. Only that one has all that was acknowledged, so there is nothing to choose.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for zone in a b c; do
  # Who is cut off cannot read who the members are.
  if patroni_agrees "postgres-$zone" /cluster 3; then
    exec docker compose exec -T --env PYTHONPATH=/etc "postgres-$zone" python3 -m holdfast.handover
  fi
done
fail "no member of Postgres knows of the others: make up, or make heal"
