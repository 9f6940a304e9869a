#!/usr/bin/env bash
# From whatever is there to a whole cluster: engine, passwords, images, containers, all healthy.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly LIMIT_SECONDS=${UP_SECONDS:-180}
readonly REPORT_SECONDS=3

# Containers that are not yet healthy (or, without a health check, not yet running), one a line.
unready() {
  containers '{{.Names}} {{.Status}}' | grep -v -E '^[^ ]+ Up .*\(healthy\)$|^[^ ]+ Up [^(]*$' | cut -d' ' -f1 | sort || true
}

show_why() {
  local name
  for name in $1; do
    printf '\n%s: %s\n' "$name" "$(docker ps --all --filter "name=^$name\$" --format '{{.Status}}')"
    docker logs --tail 15 "$name" 2>&1 | sed 's/^/  | /'
  done
}

# services CONTAINERS: what they are instances of, each once, in one line.
services() { names "$1" | tr ' ' '\n' | sed 's/-[abc]-[0-9]*$//' | uniq | paste -sd' ' -; }

await_all() {
  local deadline=$(($(elapsed) + LIMIT_SECONDS)) next=0 waiting all
  all=$(containers '{{.Names}}' | wc -l)
  while waiting=$(unready) && [ -n "$waiting" ]; do
    if (($(elapsed) >= deadline)); then
      show_why "$waiting" >&2
      fail "Not healthy within $LIMIT_SECONDS s: $(names "$waiting")
Is a fault still on? make heal. What they say: make logs S=SERVICE. Again from what is there: make up.
Where the machine is only slow: make up UP_SECONDS=$((2 * LIMIT_SECONDS))."
    fi
    if (($(elapsed) >= next)); then
      step "healthy: $((all - $(wc -l <<<"$waiting"))) of $all; waiting for $(services "$waiting")"
      next=$(($(elapsed) + REPORT_SECONDS))
    fi
    sleep 0.5
  done
  step "healthy: $all of $all"
}

# names CONTAINERS: their instances, in one line.
names() { paste -sd' ' - <<<"${1//"$PROJECT-"/}"; }

# Who else has a port of ours is found out before minutes of building.
check_ports() {
  local name port ours
  ours=$(containers '{{.Ports}}')
  while read -r name port; do
    port=$(setting "$name" "$port")
    if grep -q ":$port->" <<<"$ours"; then continue; fi
    if (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null; then
      fail "Something else answers at 127.0.0.1:$port. End it, or take another port and try again: echo $name=$((port + 10000)) >>.env"
    fi
  done <<<$'EDGE_PORT_A 8080\nEDGE_PORT_B 8081\nADMIN_PORT_A 9080\nADMIN_PORT_B 9081'
}

started=$(elapsed)
scripts/engine.sh
check_ports
engine_at=$(elapsed)
scripts/secrets.sh
scripts/images.sh
images_at=$(elapsed)
quietly "starting containers" docker compose up --detach --no-build --remove-orphans
await_all
ready_at=$(elapsed)

cat <<DONE

Holdfast is up: engine $((engine_at - started)) s, images $((images_at - engine_at)) s, start $((ready_at - images_at)) s, in all $((ready_at - started)) s.

  http://127.0.0.1:$(setting EDGE_PORT_A 8080)/api/v1/shows   the box office, by the balancer of zone a
  http://127.0.0.1:$(setting EDGE_PORT_B 8081)/api/v1/shows   the same, by the balancer of zone b
  http://127.0.0.1:$(setting EDGE_PORT_A 8080)/openapi.json   the whole API

Try next, each in a terminal of its own:
  make watch               every pool and instance, live
  make load                people who browse and buy
  make kill I=orders-a-1   and nobody notices
DONE
