#!/usr/bin/env bash
# down.sh: stops the cluster and keeps its data. down.sh --clean: removes everything that was made.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Compose asks for the passwords even to stop; without .env any value does.
if [ ! -e .env ]; then
  while read -r name; do export "$name=none"; done < <(grep -oE '[A-Z_]+:[?]' compose.yaml | tr -d ':?' | sort -u)
fi

if [ "${1:-}" != --clean ]; then
  quietly "stopping; the data stays" docker compose --profile '*' down --remove-orphans
  exit 0
fi

quietly "removing containers, networks and data" docker compose --profile '*' down --remove-orphans --volumes
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
