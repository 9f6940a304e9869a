#!/usr/bin/env bash
# down.sh: stops the cluster and keeps its data. down.sh --clean: removes everything that was made.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Compose asks for the passwords even to stop; without .env any value does.
if [ ! -e .env ]; then
  while read -r name; do export "$name=none"; done < <(grep -oE '[A-Z_]+:[?]' compose.yaml | tr -d ':?' | sort -u)
fi

# After faults the engine (seen with 20.10) may hold on to the endpoint of a container that is gone, and then
# does not let the network go. By force it does; where it has lost the endpoint and only counts it, a
# restart alone helps.
release_networks() {
  local network endpoint
  docker network ls --format '{{.Name}}' --filter "label=com.docker.compose.project=$PROJECT" |
    while read -r network; do
      docker network inspect --format '{{range .Containers}}{{println .Name}}{{end}}' "$network" | grep . |
        while read -r endpoint; do docker network disconnect --force "$network" "$endpoint"; done
    done
}

take_down() {
  local attempt
  for attempt in 1 2 3; do
    if docker compose --profile '*' down --remove-orphans "$@"; then return; fi
    echo "attempt $attempt left something; the networks' endpoints are released by force"
    release_networks || true
    sleep 1
  done
  echo "Run it once more; if the engine still speaks of active endpoints, restart the engine first."
  return 1
}

# What `make fill` left beside a disk holds it, and the disk would stay full; what `make slow` left, a network.
remove_helpers() {
  local filled slowed
  docker ps --all --format '{{.Label "holdfast.delays"}}' --filter label=holdfast.delays |
    grep -E "^$PROJECT-[a-z]+-[abc]-[0-9]+$" | while read -r slowed; do
      docker rm --force "$slowed-delay"
    done || true
  docker ps --all --format '{{.Label "holdfast.fills"}}' --filter label=holdfast.fills |
    grep -E "^$PROJECT-[a-z]+-[abc]-[0-9]+$" | while read -r filled; do
      docker exec "$filled-filler" rm -f /data/.filler || true
      docker rm --force "$filled-filler"
    done || true
}

image_id() { docker image inspect --format '{{.Id}}' "$1" 2>/dev/null; }

# Debian's image, if it came by us (system.sh marks it) and is still the same.
remove_pulled() {
  local pulled
  if pulled=$(image_id holdfast/system:pulled) && [ "$pulled" = "$(image_id debian:trixie-slim)" ]; then
    remove_image debian:trixie-slim
  fi
}

remove_image() {
  if docker image rm "$1" >/dev/null 2>&1; then
    step "removed image ${1%:latest}"
  else
    step "kept image ${1%:latest}: another project uses it"
  fi
}

case ${1:-} in '' | --clean) ;; *) fail "down.sh, or down.sh --clean" ;; esac
quietly "removing what faults put beside containers" remove_helpers
if [ "${1:-}" != --clean ]; then
  quietly "stopping; the data stays" take_down
  exit 0
fi

quietly "removing containers, networks and data" take_down --volumes
# The passwords go with the data that they guard.
rm -f .env
# Which faults were on. Another project of this checkout may have some of its own.
if [ -z "$(docker ps --all --quiet --filter label=holdfast.zone)" ]; then rm -rf .state; fi
remove_pulled
while read -r image; do
  remove_image "$image"
done < <(docker images --format '{{.Repository}}:{{.Tag}}' --filter 'reference=holdfast/*' | grep -v ':<none>$' | sort -ur)
drop_replaced_images
# The builds' cache does not say whose it is. In an engine that is here because of us, it is ours.
if [ -z "${DOCKER_HOST:-}" ] && [ -e /var/lib/docker/.installed-by-holdfast ]; then
  quietly "removing what builds left in the cache" docker builder prune --force
else
  step "kept the builds' cache: the engine does not tell whose it is (docker builder prune empties it)"
fi
