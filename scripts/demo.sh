#!/usr/bin/env bash
# Two minutes by itself: load on, an instance dies, a zone dies, all is mended; then the count of what
# failed, what was lost and what happened twice. Ends with the load's own verdict: 0 when there is none.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly INSTANCE=orders-a-1 ZONE=a
readonly KILL_AT=12 KILL_ZONE_AT=30 HEAL_AT=55 LOAD_SECONDS=95 LOAD_STARTS_WITHIN=40
# 60 browsing requests and 10 orders a second: an order is five requests.
export RATE=110 ORDERS=10 TIME=${LOAD_SECONDS}s SHAPE=steady

clock() { echo "${EPOCHREALTIME:-$(date +%s).0}"; }
# since_start: seconds and tenths since the load began.
since_start() { awk -v now="$(clock)" -v start="$started" 'BEGIN { t = now - start; printf "%02d:%04.1f", t / 60, t % 60 }'; }
tell() { printf '  %s  %s\n' "$(since_start)" "$*"; }
# Waited for, not slept: a signal is heeded at once.
at() {
  sleep "$(awk -v now="$(clock)" -v start="$started" -v at="$1" 'BEGIN { t = start + at - now; print (t > 0 ? t : 0) }')" &
  wait "$!"
}
# fault ACTION...: does it, and tells what was done as it is done.
fault() { scripts/fault.sh "$@" | while read -r line; do tell "$line"; done; }

RUN_DIR=reports/demo-$(date +%Y%m%d-%H%M%S)
export RUN_DIR
output=$(mktemp)
helpers=()
broken=''
# shellcheck disable=SC2317 # the trap calls it
finish() {
  local helper
  trap '' INT TERM
  for helper in "${helpers[@]}"; do kill "$helper" 2>/dev/null || true; done
  rm -f "$output"
  if [ -n "$broken" ]; then
    tell "ended early: healing what was broken"
    fault heal
  fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

scripts/reports.sh
started=$(clock)
scripts/tools.sh python -m loadtests.load >"$output" 2>&1 &
load=$!
helpers+=("$load")
until [ -e "$RUN_DIR/ledger.jsonl" ]; do
  if ! kill -0 "$load" 2>/dev/null || [ "$(elapsed)" -ge "$LOAD_STARTS_WITHIN" ]; then
    cat "$output" >&2
    fail "the load did not start"
  fi
  sleep 0.2
done
started=$(clock)
tell "load on: 60 browsing requests/s, 10 orders/s, for $LOAD_SECONDS s (make watch shows it, in another terminal)"
scripts/tools.sh python -m loadtests.watch.changes http://balancer-b:9080 --since "$started" --for "$LOAD_SECONDS" &
helpers+=("$!")

at "$KILL_AT"
tell "SIGKILL for $INSTANCE"
broken=yes
fault kill "$INSTANCE"
at "$KILL_ZONE_AT"
tell "SIGKILL for the whole of zone $ZONE"
fault kill "$ZONE"
at "$HEAL_AT"
tell "healing all of it"
fault heal
broken=''
at "$LOAD_SECONDS"
tell "load off; waiting until every acknowledged order is decided"

status=0
wait "$load" || status=$?
# Its progress lines have been told as a timeline; what is left is the report.
sed -n '/^request /,$p' "$output"
exit "$status"
