#!/usr/bin/env bash
# Follows the logs of all, of a service or of one instance: logs.sh [orders-a | orders-a-1 ...]
# Compose by itself says nothing, and ends well, where there is no such service.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

services=$(containers '{{.Label "com.docker.compose.service"}}' | sort -u)
if [ -z "$services" ]; then fail "Nothing runs in project $PROJECT. Start it with: make up"; fi
if [ $# = 1 ] && [[ $1 =~ ^(.+)-([0-9]+)$ ]] && grep -qx "${BASH_REMATCH[1]}" <<<"$services"; then
  exec docker compose logs --follow --tail 20 --index "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
fi
for name in "$@"; do
  grep -qxF -- "$name" <<<"$services" || fail "There is no '$name' in project $PROJECT. There are: ${services//$'\n'/ }"
done
exec docker compose logs --follow --tail 20 "$@"
