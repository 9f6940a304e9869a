#!/usr/bin/env bash
# Has an instance die at a point of its work, and waits until it did: crash.sh POINT INSTANCE. Only the test image
# knows such points (gamedays/planted/points.py). Who died is started again by the engine.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly WAIT_SECONDS=60
if [ $# != 2 ]; then fail "crash.sh POINT INSTANCE"; fi
readonly point=$1 instance=$2 container=$PROJECT-$2

deaths() { docker inspect --format '{{.RestartCount}}' "$container"; }

image=$(docker inspect --format '{{.Config.Image}}' "$container") || fail "There is no instance '$instance' in project $PROJECT."
if [ "$image" != holdfast/planted ]; then
  fail "$instance runs $image, which has no points to die at; the test image has: make gamedays-mutants BUG=crash-points"
fi
before=$(deaths)
docker exec "$container" bash -c "echo '$point' >/tmp/.crash-at"
until=$((SECONDS + WAIT_SECONDS))
while [ "$(deaths)" = "$before" ]; do
  if [ $SECONDS -ge $until ]; then fail "$instance did not come to $point within $WAIT_SECONDS s"; fi
  sleep 0.2
done
echo "$instance died at $point"
