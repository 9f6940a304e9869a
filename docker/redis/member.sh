#!/bin/bash
# One member of the Redis cluster: runs the server, brings it into the cluster and keeps it in its place.
#
# Six members, two a zone. redis-<zone>-1 is meant to be the primary of its zone's shard, and the second
# member of the next zone its replica, so no zone ever holds a whole shard or two of three primaries:
#
#   shard   slots          primary     replica
#   a       0-5460         redis-a-1   redis-b-2
#   b       5461-10922     redis-b-1   redis-c-2
#   c       10923-16383    redis-c-1   redis-a-2
#
# No member leads. Each looks at the cluster every five seconds, every two while something is amiss, and
# does what is its own to do:
#   1. meet whoever has an address that it does not know (first start, or containers made anew);
#   2. forget a member whose name came back with another identity (its disk was lost);
#   3. without slots: follow the owner of its shard; where nobody owns it, six are there and this is
#      the shard's first member: take it (happens once in the life of a cluster);
#   4. a replica that still dials an address which its primary had before: follow the primary anew
#      (the server itself does so only when it learns of the new address in one of two ways);
#   5. the shard's first member, in sync behind another primary for ten seconds: take the shard back.
# Told to stop, a primary first hands its shard to its replica.
#
# Environment: REDIS_PASSWORD. Its own name comes from the network: <project>-redis-a-1.
set -uo pipefail

readonly CALM=5 AMISS=2 TAKE_BACK_AFTER=5 MEMBERS=6 HAND_OVER_TRIES=20
export REDISCLI_AUTH=${REDIS_PASSWORD:?}

address=$(hostname -i)
own_host=$(getent -s dns hosts "$address" | while read -r _ name _; do echo "${name%%.*}"; done)
readonly instance=redis-${own_host##*redis-}
readonly prefix=${own_host%"$instance"}
echo "$instance" >/tmp/instance  # for ready.sh
case $instance in
  redis-a-1 | redis-b-2) first_slot=0 last_slot=5460 ;;
  redis-b-1 | redis-c-2) first_slot=5461 last_slot=10922 ;;
  redis-c-1 | redis-a-2) first_slot=10923 last_slot=16383 ;;
  *) echo "no place in the cluster for '$own_host' ($address)" >&2 && exit 2 ;;
esac

say() { printf '%s %s\n' "$instance" "$*"; }
cli() { timeout 2 redis-cli "$@" 2>/dev/null; }

# Reads CLUSTER NODES into: role, primary and slots of this member, owner of its shard, how many members
# are well; addresses by identity, addresses in use, hosts that are well, and identities that are not.
look() {
  local nodes id ip where flags its_primary link its_slots range host
  role='' primary='' slots='' owner='' well=0
  address_of=() address_known=(["$address"]=1) host_well=() strangers=()
  nodes=$(cli CLUSTER NODES) && [ -n "$nodes" ] || return 1
  while read -r id where flags its_primary _ _ _ link its_slots; do
    ip=${where%%:*} host=${where#*,} host=${host%%,*}
    case $flags in
      *handshake*) continue ;;
      *noaddr*) strangers+=("$id $host") && continue ;;
    esac
    # (A member that met nobody yet does not know its own address.)
    if [ -n "$ip" ]; then address_known[$ip]=1 address_of[$id]=$ip; fi
    # (The link to an address that swallows everything counts as connected while it is being made:
    # `fail?` is the one word for nobody having answered there.)
    if [[ $flags == *fail || $flags == *fail,* ]]; then
      strangers+=("$id $host")
    elif [[ $link == connected && $flags != *fail\?* ]]; then
      well=$((well + 1)) host_well[$host]=1
    fi
    if [[ $flags == *myself* ]]; then
      slots=$its_slots primary=$its_primary
      if [[ $flags == *master* ]]; then role=primary; else role=replica; fi
    fi
    for range in $its_slots; do
      if [[ $range == "$first_slot" || $range == "$first_slot"-* ]]; then owner=$id; fi
    done
  done <<<"$nodes"
}

meet_newcomers() {
  local zone number host ip
  for zone in a b c; do
    for number in 1 2; do
      host=${prefix}redis-$zone-$number
      if [ -n "${host_well[$host]:-}" ]; then continue; fi
      read -r ip _ < <(getent -s dns ahostsv4 "$host") || continue
      if [ -z "${address_known[$ip]:-}" ]; then cli CLUSTER MEET "$ip" 6379 >/dev/null; fi
    done
  done
}

forget_lost_identities() {
  local stranger id host
  for stranger in "${strangers[@]}"; do
    read -r id host <<<"$stranger"
    if [ -n "$host" ] && [ -n "${host_well[$host]:-}" ]; then
      say "forgets $id, whose name $host has another identity now"
      cli CLUSTER FORGET "$id" >/dev/null
    fi
  done
}

find_place() {
  if [ -n "$owner" ]; then
    say "follows $owner, the primary of slots $first_slot-$last_slot"
    cli CLUSTER REPLICATE "$owner" >/dev/null
  elif [[ $instance == *-1 && $well -eq $MEMBERS ]]; then
    say "takes slots $first_slot-$last_slot, which nobody has"
    cli CLUSTER ADDSLOTSRANGE "$first_slot" "$last_slot" >/dev/null
  fi
}

keep_up() {
  local facts dialled
  facts=$(cli INFO replication) || return
  dialled=$(sed -n 's/^master_host:\([^\r]*\).*/\1/p' <<<"$facts")
  if [ -n "$dialled" ] && [ "$dialled" != "${address_of[$primary]:-$dialled}" ]; then
    say "follows its primary from $dialled to ${address_of[$primary]}"
    cli CLUSTER REPLICATE "$primary" >/dev/null
  fi
  if [[ $facts == *master_link_status:up* ]]; then in_sync=$((in_sync + 1)); else in_sync=0; fi
  if [[ $instance == *-1 && $in_sync -ge $TAKE_BACK_AFTER ]]; then
    say "takes its shard back"
    cli CLUSTER FAILOVER >/dev/null
    in_sync=0
  fi
}

step() {
  period=$AMISS
  look || return 0
  if [ "$well" -lt "$MEMBERS" ]; then meet_newcomers; fi
  if [ "${#strangers[@]}" -gt 0 ]; then forget_lost_identities; fi
  if [ "$role" = replica ]; then
    keep_up
  else
    in_sync=0
    if [ -z "$slots" ]; then find_place; fi
  fi
  # At rest: all are well, and this one is a primary with slots, or the second member and in sync.
  if [ "$well" -eq "$MEMBERS" ] && { [ -n "$slots" ] || [[ $instance == *-2 && $in_sync -gt 0 ]]; }; then
    period=$CALM
  fi
}

# The replica takes over while this member still lives: clients see a moved shard, not a missing one.
hand_over() {
  local replica
  look && [[ $role == primary && -n $slots ]] || return 0
  replica=$(cli INFO replication | sed -n 's/^slave0:ip=\([^,]*\),.*state=online.*/\1/p')
  [ -n "$replica" ] && [ "$(cli -h "$replica" CLUSTER FAILOVER)" = OK ] || return 0
  for _ in $(seq "$HAND_OVER_TRIES"); do
    if [[ $(cli ROLE) == slave* ]]; then say "handed its shard to $replica" && return 0; fi
    sleep 0.1
  done
}

stop() {
  trap '' TERM INT
  hand_over
  kill -TERM "$server"
  wait "$server"
  exit
}

declare -A address_of address_known host_well
strangers=() in_sync=0 period=$AMISS
mkdir -p "/data/$instance"
(
  umask 077
  cat /etc/holdfast/redis.conf - >/tmp/redis.conf <<END
dir /data/$instance
cluster-announce-hostname $own_host
requirepass $REDIS_PASSWORD
masterauth $REDIS_PASSWORD
END
)
redis-server /tmp/redis.conf &
server=$!
trap stop TERM INT
while kill -0 "$server" 2>/dev/null; do
  sleep "$period" &
  wait $!
  step
done
wait "$server"
