#!/usr/bin/env bash
# Shows the acquirer's knobs, or turns them: acquirer.sh [default | latency_ms=500 error_rate=1 ...]
# They stand in its database: any instance that lives will do.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for zone in a b; do
  if docker compose ps --status running --services | grep -qx "acquirer-$zone"; then
    status=0
    docker compose exec -T "acquirer-$zone" python -m services.acquirer.turn "$@" || status=$?
    case $status in 0 | 2) exit "$status" ;; esac # else it may be cut off, and the other one not
  fi
done
fail "no instance of the acquirer can do it: make up, or make heal"
