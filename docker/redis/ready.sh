#!/bin/bash
# Ready: all slots are covered, every primary is reached from here, and a replica is in sync with its own.
# A shard's first member is ready once it is the primary again: until then another zone has two of the
# three, and must not be the next to go.
# (A member that has just started believes for two seconds that all is as it was: hence the links.)
set -uo pipefail
[ -s /tmp/instance ] || exit 1
facts=$(printf 'CLUSTER INFO\nINFO replication\nCLUSTER NODES\n' |
  REDISCLI_AUTH=$REDIS_PASSWORD timeout 2 redis-cli 2>/dev/null)
[[ $facts == *cluster_state:ok* && $facts == *cluster_slots_ok:16384* ]] &&
  [[ $facts == *role:master* || ($facts == *master_link_status:up* && $(</tmp/instance) != *-1) ]] &&
  ! grep -q 'master .* disconnected [0-9]' <<<"$facts"
