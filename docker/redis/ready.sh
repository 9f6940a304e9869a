#!/bin/bash
# Ready: the whole cluster answers for all of its slots, and a replica is in sync with its primary.
set -uo pipefail
facts=$(printf 'CLUSTER INFO\nINFO replication\n' | REDISCLI_AUTH=$REDIS_PASSWORD timeout 2 redis-cli 2>/dev/null)
[[ $facts == *cluster_state:ok* && $facts == *cluster_slots_ok:16384* ]] &&
  [[ $facts == *role:master* || $facts == *master_link_status:up* ]]
