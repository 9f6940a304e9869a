#!/usr/bin/env bash
# Measurements of the balancer, in a container that has nothing else (docker/bench):
#   bench.sh bench      ROUNDS= TIME= (of a round) SCENARIOS=small,browser PEERS=haproxy,holdfast
#   bench.sh failover   TIME= (of a case) CASES=kill,hang PEERS=
#   bench.sh soak       TIME= LEAK=yes (a planted leak, to see that it is found)
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly FILE=docker/bench/compose.yaml

# compose ARGUMENTS...: of the measurements' own project, with what .env knows of this machine.
compose() { docker compose --env-file .env --file "$FILE" --profile bench "$@"; }

build() {
  scripts/engine.sh
  scripts/secrets.sh
  scripts/system.sh
  if ! docker image inspect holdfast/base >/dev/null 2>&1; then
    quietly "building the base image" docker compose build base
  fi
  quietly "building the image of the measurements" compose build bench
}

# option NAME FLAG: the flag with the variable's value, where it is set.
options=()
option() { if [ -n "${!1:-}" ]; then options+=("$2" "${!1}"); fi; }

case ${1:-} in
  bench)
    module=loadtests.bench
    for name in ROUNDS TIME SCENARIOS PEERS; do option "$name" "--${name,,}"; done
    ;;
  failover)
    module=loadtests.bench.failover
    for name in TIME CASES PEERS; do option "$name" "--${name,,}"; done
    ;;
  soak)
    module=loadtests.bench.soak
    option TIME --time
    if [ -n "${LEAK:-}" ]; then options+=(--leak); fi
    ;;
  *) fail "bench.sh bench, failover or soak" ;;
esac

build
if ! [ -t 0 ] || ! [ -t 1 ]; then set -- --no-TTY; else set --; fi
compose run --rm "$@" bench python -m "$module" "${options[@]}"
