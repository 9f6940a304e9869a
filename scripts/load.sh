#!/usr/bin/env bash
# Load on the cluster, by Locust in a bounded container of its own:
#   load.sh       USERS= RATE= (requests/s in all) ORDERS= (a second) TIME= SHAPE=steady|spike|flash-sale
#   load.sh ui    Locust's own page; RATE and ORDERS are then those of USERS users (or as many as they take)
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
  '') exec scripts/tools.sh python -m loadtests.load ;;
  ui)
    echo "Locust: http://127.0.0.1:$(setting LOCUST_PORT 8089)   (Ctrl-C ends it)"
    options=(--rm --no-deps --service-ports)
    for name in USERS RATE ORDERS; do
      if [ -n "${!name:-}" ]; then options+=(--env "$name"); fi
    done
    exec docker compose --profile locust run "${options[@]}" locust
    ;;
  *) fail "load.sh, or load.sh ui" ;;
esac
