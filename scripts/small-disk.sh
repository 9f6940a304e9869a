#!/usr/bin/env bash
# Has kafka-b run on a small disk of its own, which can be filled (make fill I=kafka-b-1):
#   small-disk.sh on     begins on the empty small disk and copies everything from the others
#   small-disk.sh off    back to the disk that it had, and copies what it missed
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly FILES=${COMPOSE_FILE:-compose.yaml} WAIT_SECONDS=120

again() { docker compose up --detach --no-build --no-deps --wait --wait-timeout "$WAIT_SECONDS" kafka-b; }

case ${1:-} in
  on)
    COMPOSE_FILE=$FILES:docker/small-disk.yaml quietly "kafka-b gets a small disk" again
    ;;
  off)
    quietly "kafka-b gets its own disk back" again
    # Another run may have taken it away.
    docker volume rm --force "${PROJECT}_kafka-b-small" >/dev/null
    ;;
  *) fail "small-disk.sh on, or off" ;;
esac
