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

if [ "${1:-}" != --clean ]; then
  quietly "stopping; the data stays" take_down
  exit 0
fi

quietly "removing containers, networks and data" take_down --volumes
# The passwords go with the data that they guard.
rm -f .env
while read -r image; do
  if docker image rm "$image" >/dev/null 2>&1; then
    step "removed image $image"
  else
    step "kept image $image: another project uses it"
  fi
done < <(docker images --format '{{.Repository}}' --filter 'reference=holdfast/*' | sort -ur)
drop_replaced_images
quietly "removing what builds left in the cache" docker builder prune --force
