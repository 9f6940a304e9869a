#!/usr/bin/env bash
# Has an instance die at a point of its work, and waits until it did: crash.sh POINT INSTANCE... Of several, the first
# that comes there (only one at a time tells events, nobody knows which). Only the test image knows such points
# (gamedays/planted/points.py). Who died is started again by the engine.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly WAIT_SECONDS=60 ARMED=/tmp/.crash-at
if [ $# -lt 2 ]; then fail "crash.sh POINT INSTANCE..."; fi
readonly point=$1
shift

# deaths INSTANCE: how often the engine has started it again.
deaths() { docker inspect --format '{{.RestartCount}}' "$PROJECT-$1"; }

for instance in "$@"; do
  image=$(docker inspect --format '{{.Config.Image}}' "$PROJECT-$instance") ||
    fail "There is no instance '$instance' in project $PROJECT."
  if [ "$image" != holdfast/planted ]; then
    fail "$instance runs $image, which has no points to die at; the test image has: make gamedays-mutants BUG=crash-points"
  fi
done
declare -A before
for instance in "$@"; do
  before[$instance]=$(deaths "$instance")
  docker exec "$PROJECT-$instance" bash -c "echo '$point' >$ARMED"
done
until=$((SECONDS + WAIT_SECONDS)) died=''
while [ -z "$died" ]; do
  for instance in "$@"; do
    if [ "$(deaths "$instance")" != "${before[$instance]}" ]; then died=$instance; fi
  done
  if [ -z "$died" ] && [ $SECONDS -ge $until ]; then fail "$* did not come to $point within $WAIT_SECONDS s"; fi
  sleep 0.2
done
for instance in "$@"; do
  # Who died has forgotten it.
  docker exec "$PROJECT-$instance" rm -f $ARMED 2>/dev/null || true
done
echo "$died died at $point"
