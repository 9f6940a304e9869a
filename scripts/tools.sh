#!/usr/bin/env bash
# Runs a command in a container with this repository's tools, beside the cluster: load, watch, dlq.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# What a person may set on the command line of make, handed on where it is set.
readonly SETTINGS=(USERS RATE ORDERS TIME SHAPE ACCOUNTS SEED RUN_DIR REPLAY COUNT)

if [ -z "$(containers '{{.ID}}')" ]; then fail "Nothing runs in project $PROJECT. Start it with: make up"; fi
options=(--rm --no-deps)
for name in "${SETTINGS[@]}"; do
  if [ -n "${!name:-}" ]; then options+=(--env "$name"); fi
done
if ! [ -t 0 ] || ! [ -t 1 ]; then options+=(--no-TTY); fi
COMPOSE_PROFILES=tools run_tool "${options[@]}" tools "$@"
