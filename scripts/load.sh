#!/usr/bin/env bash
# Load on the cluster, by Locust in a bounded container of its own:
#   load.sh       USERS= RATE= (requests/s in all) ORDERS= (a second) TIME= SHAPE=steady|spike|flash-sale
#   load.sh ui    Locust's own page, which proposes USERS users (or as many as RATE and ORDERS take): with so many
#                 RATE and ORDERS are kept
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
  '')
    scripts/reports.sh
    exec scripts/tools.sh python -m loadtests.load
    ;;
  ui)
    port=$(setting LOCUST_PORT 8089)
    if (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null; then
      fail "Something answers at 127.0.0.1:$port already (another make load-ui?). End it, or take another port: make load-ui LOCUST_PORT=8090"
    fi
    if [ -z "$(containers '{{.ID}}')" ]; then fail "Nothing runs in project $PROJECT. Start it with: make up"; fi
    scripts/reports.sh
    echo "Locust: http://127.0.0.1:$port   (Ctrl-C ends it)"
    options=(--rm --no-deps --service-ports)
    for name in USERS RATE ORDERS; do
      if [ -n "${!name:-}" ]; then options+=(--env "$name"); fi
    done
    COMPOSE_PROFILES=locust run_tool "${options[@]}" locust
    ;;
  *) fail "load.sh, or load.sh ui" ;;
esac
