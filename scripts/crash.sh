#!/usr/bin/env bash
# Has an instance die at a point of its work, and waits until it did: crash.sh POINT INSTANCE... Of several one (only one
# at a time tells events, nobody knows which): each is told to in turn, else its neighbour takes over and dies as well.
# Only the test image knows such points (gamedays/planted/points.py). Who died is started again by the engine.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly WAIT_SECONDS=60 TURN_SECONDS=2 ARMED=/tmp/.crash-at
if [ $# -lt 2 ]; then fail "crash.sh POINT INSTANCE..."; fi
readonly point=$1
shift

# deaths INSTANCE: how often the engine has started it again.
deaths() { docker inspect --format '{{.RestartCount}}' "$PROJECT-$1"; }

# crash_one INSTANCE BEFORE SECONDS: whether it came to the point and died in that time.
crash_one() {
  local until=$((SECONDS + $3))
  docker exec "$PROJECT-$1" bash -c "echo '$point' >$ARMED" || return 1
  while [ "$(deaths "$1")" = "$2" ]; do
    if [ $SECONDS -ge $until ]; then
      docker exec "$PROJECT-$1" rm -f $ARMED || true # it may die just now; who died has forgotten it
      [ "$(deaths "$1")" != "$2" ]
      return
    fi
    sleep 0.2
  done
}

for instance in "$@"; do
  image=$(docker inspect --format '{{.Config.Image}}' "$PROJECT-$instance") ||
    fail "There is no instance '$instance' in project $PROJECT."
  if [ "$image" != holdfast/planted ]; then
    fail "$instance runs $image, which has no points to die at; the test image has: make gamedays-mutants BUG=crash-points"
  fi
done

declare -A before
for instance in "$@"; do before[$instance]=$(deaths "$instance"); done
turn=$([ $# = 1 ] && echo $WAIT_SECONDS || echo $TURN_SECONDS)
while [ $SECONDS -lt $WAIT_SECONDS ]; do
  for instance in "$@"; do
    if crash_one "$instance" "${before[$instance]}" "$turn"; then
      echo "$instance died at $point"
      exit
    fi
  done
done
fail "$* did not come to $point within $WAIT_SECONDS s"
