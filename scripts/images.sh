#!/usr/bin/env bash
# Builds every image, in parallel where one does not need the other. Seconds when nothing changed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly REPORT_SECONDS=10

scripts/system.sh
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The base by itself first: where Compose builds with bake, it heeds no order.
{ docker compose --progress plain build base && docker compose --profile '*' --progress plain build; } >"$log" 2>&1 &
build=$!
trap 'kill "$build" 2>/dev/null; exit 130' INT
trap 'kill "$build" 2>/dev/null; exit 143' TERM

# What is being built now: the newest step that BuildKit named, such as "kafka jars 3/4".
newest_step() { sed -n 's/^#[0-9]* \[\([^]]*[0-9]\)\].*/\1/p' "$log" | tail -n 1 | sed 's/-[abc] / /'; }

next=$(($(elapsed) + REPORT_SECONDS))
while kill -0 "$build" 2>/dev/null; do
  sleep 0.2
  if (($(elapsed) >= next)); then
    step "building images: $(newest_step)"
    next=$(($(elapsed) + REPORT_SECONDS))
  fi
done
if ! wait "$build"; then
  grep -v -E '^#[0-9]+ (sha256|DONE|CACHED|\.\.\.)' "$log" | tail -n 40 >&2
  fail "an image was not built"
fi
drop_replaced_images
step "images: $(docker images --format '{{.Repository}} {{.Size}}' --filter 'reference=holdfast/*:latest' |
  grep -v '/system' | sort | sed 's#holdfast/##' | paste -sd, - | sed 's/,/, /g')"
