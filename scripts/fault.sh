#!/usr/bin/env bash
# Breaks parts of the running cluster on purpose, and mends them:
#   fault.sh kill|pause|cut|stop INSTANCE...|ZONE    orders-a-1, or a for all of zone a
#   fault.sh split INSTANCE...|ZONE                  no packet passes between these and all others
#   fault.sh fill INSTANCE...                       not one byte more fits on its disk
#   fault.sh slow MILLISECONDS INSTANCE...|ZONE      each packet of theirs waits so long
#   fault.sh heal [INSTANCE...|ZONE]                 undoes every fault, whoever did it, and waits
#   fault.sh list                                    instances, zones, states
# What `cut` takes away is written to .state/cut, so that `heal` gives back the very same. `split` is rules
# (scripts/rules.sh); `fill` and `slow` are helpers beside the disk (scripts/disks.sh) and the network (delays.sh).
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/rules.sh
. scripts/rules.sh
# shellcheck source=scripts/disks.sh
. scripts/disks.sh
# shellcheck source=scripts/delays.sh
. scripts/delays.sh

readonly CUT=.state/cut AT_ONCE=8 HEAL_SECONDS=180
readonly SERVICE='{{.Label "com.docker.compose.service"}}' NUMBER='{{.Label "com.docker.compose.container-number"}}'

# One line each: instance container zone state. A zone comes from a label, `-` where there is none.
all() {
  containers "$SERVICE-$NUMBER {{.Names}} {{or (.Label \"holdfast.zone\") \"-\"}} {{.State}}" | sort
}

# select WORD...: the lines of `all` for these instances and zones.
select_targets() {
  local word lines
  for word in "$@"; do
    lines=$(awk -v word="$word" '$1 == word || $3 == word' <<<"$everything")
    if [ -z "$lines" ]; then
      fail "There is no instance or zone '$word' in project $PROJECT. There are: $(awk '{ printf "%s ", $1 }' <<<"$everything")"
    fi
    printf '%s\n' "$lines"
  done | sort -u
}

names() { awk '{ printf "%s%s", sep, $1; sep = ", " }'; }

# done_to VERB: says what was done to the instances of $targets.
done_to() {
  local count
  count=$(wc -l <<<"$targets")
  if [ "$count" = 1 ]; then echo "$1 $(names <<<"$targets")"; else echo "$1 $count: $(names <<<"$targets")"; fi
}

# break_all VERB COMMAND...: runs the command once, with all running containers of $targets.
break_all() {
  local verb=$1
  shift
  awk '{ print $2 }' <<<"$targets" | xargs "$@" >/dev/null
  done_to "$verb"
}

# cut_one CONTAINER: writes down its networks and its names on them, then takes them away.
cut_one() {
  local id network aliases
  id=$(docker inspect --format '{{slice .Id 0 12}}' "$1")
  docker inspect --format '{{range $name, $on := .NetworkSettings.Networks}}{{$name}}{{range $on.Aliases}} {{.}}{{end}}
{{end}}' "$1" | while read -r network aliases; do
    if [ -z "$network" ]; then continue; fi
    # The engine adds the short id by itself.
    printf '%s %s %s\n' "$1" "$network" "${aliases//$id/}" >>"$CUT"
    docker network disconnect --force "$network" "$1"
  done
}

# connect CONTAINER NETWORK ALIAS...: as it was before the cut.
connect() {
  local container=$1 network=$2 alias options=()
  shift 2
  for alias in "$@"; do options+=(--alias "$alias"); done
  docker network connect "${options[@]}" "$network" "$container"
}

# mend VERB STATE COMMAND...: for those of $targets in that state.
mend() {
  local verb=$1 state=$2 broken
  shift 2
  broken=$(awk -v state="$state" '$4 ~ state' <<<"$targets")
  if [ -z "$broken" ]; then return; fi
  awk '{ print $2 }' <<<"$broken" | xargs -P "$AT_ONCE" -n 2 "$@" >/dev/null
  echo "$verb $(names <<<"$broken")"
}

# The engine calls a paused container unhealthy, and its check rests half a minute once it was well
# (docker/healthy): without its mark it answers at once.
check_soon() {
  awk '$4 == "paused" { print $2 }' <<<"$targets" |
    xargs -P "$AT_ONCE" -I '{}' docker exec '{}' rm -f /tmp/.healthy
}

reconnect() {
  local instance container line healed=()
  if [ ! -s "$CUT" ]; then return; fi
  while read -r instance container _; do
    if ! grep -q "^$container " "$CUT"; then continue; fi
    grep "^$container " "$CUT" | while read -r line; do
      # shellcheck disable=SC2086 # words, on purpose
      connect $line || echo "could not reconnect ${line%% *}: was it made anew meanwhile?" >&2
    done
    grep -v "^$container " "$CUT" >"$CUT.rest" || true # nothing is left of the last one
    mv "$CUT.rest" "$CUT"
    healed+=("$instance")
  done <<<"$targets"
  if [ ${#healed[@]} -gt 0 ]; then echo "reconnected $(printf '%s\n' "${healed[@]}" | names)"; fi
}

# Waits until all of $targets are up and healthy, with one line that tells what is missing.
await_health() {
  local until=$((SECONDS + HEAL_SECONDS)) wanted missing shown=''
  wanted=$(awk '{ print $2 }' <<<"$targets")
  while true; do
    missing=$(containers "{{.Names}} $SERVICE-$NUMBER {{.Status}}" | grep -wF "$wanted" |
      awk '!/ Up / || /\((unhealthy|health: starting|Paused)\)/ { print $2 }')
    if [ -z "$missing" ]; then break; fi
    if [ $SECONDS -ge $until ]; then
      fail "${shown:+$'\n'}Not healthy after $HEAL_SECONDS s: $(names <<<"$missing"). See: docker compose logs SERVICE"
    fi
    shown="waiting for $(names <<<"$missing")"
    if [ -t 1 ]; then printf '\r\033[K%.*s' "$((${COLUMNS:-80} - 1))" "$shown"; fi
    sleep 1
  done
  if [ -t 1 ] && [ -n "$shown" ]; then printf '\r\033[K'; fi
  echo "all healthy: $(wc -l <<<"$targets") instances, $SECONDS s"
}

action=${1:-}
case $action in
  kill | pause | cut | stop | split | fill | slow | heal | list) shift ;;
  *) fail "fault.sh kill|pause|cut|stop|split|fill INSTANCE|ZONE, slow MILLISECONDS INSTANCE|ZONE, heal, or list" ;;
esac
mkdir -p "$(dirname "$CUT")"
export -f cut_one
export CUT
everything=$(all)
if [ -z "$everything" ]; then fail "Nothing runs in project $PROJECT. Start it with: make up"; fi

if [ "$action" = list ]; then
  printf '%s\n' "$everything" | awk '{ printf "%-20s zone %s  %s\n", $1, $3, $4 }'
  exit
fi

if [ "$action" = heal ]; then
  targets=$everything
  if [ $# -gt 0 ]; then targets=$(select_targets "$@"); fi
  empty_disks
  mend "unpaused" paused docker unpause
  check_soon
  end_delays
  lift_rules
  reconnect
  mend "started" 'exited|created|dead' docker start
  await_health
  exit
fi

if [ "$action" = slow ]; then
  delay=${1:-}
  case $delay in '' | *[!0-9]*) fail "How slow? make slow I=orders-a-1 MS=200: every packet waits 200 ms" ;; esac
  shift
fi
if [ $# = 0 ]; then
  case $action in
    fill) example="make fill I=kafka-b-1" ;;
    slow) example="make slow MS=$delay I=orders-a-1, or make slow MS=$delay ZONE=a" ;;
    *) example="make $action I=orders-a-1, or make $action ZONE=a" ;;
  esac
  fail "Which? $example. There are: $(awk '{ printf "%s ", $1 }' <<<"$everything")"
fi
chosen=$(select_targets "$@")
targets=$(awk '$4 == "running"' <<<"$chosen")
if [ -z "$targets" ]; then
  fail "$(awk '{ printf "%s%s is %s", sep, $1, $4; sep = ", " }' <<<"$chosen") already. Bring it back with: make heal"
fi
case $action in
  kill) break_all "killed" docker kill ;;
  pause) break_all "paused" docker pause ;;
  stop) break_all "stopped" docker stop ;;
  split)
    split
    done_to "split off"
    ;;
  fill)
    fill
    done_to "filled the disk of"
    ;;
  slow)
    slow "$delay"
    done_to "slowed by $delay ms"
    ;;
  cut)
    # shellcheck disable=SC2016 # expands in the other shell
    awk '{ print $2 }' <<<"$targets" | xargs -P "$AT_ONCE" -n 1 bash -ec 'cut_one "$@"' _
    done_to "cut off"
    ;;
esac
