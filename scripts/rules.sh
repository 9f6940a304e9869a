# shellcheck shell=bash
# Rules in a container's own network namespace, made from beside it by the image holdfast/nemesis: what
# `fault.sh split` and `fault.sh slow` do. Who has any is in .state/rules, so that `heal` can lift them.
# Lines of $targets and $everything are those of fault.sh: instance container zone state.
readonly RULES=.state/rules

# beside CONTAINER COMMAND...: in its network namespace, with the power over it that it lacks itself.
beside() {
  local container=$1
  shift
  docker run --rm --interactive --user 0 --cap-drop ALL --cap-add NET_ADMIN \
    --network "container:$container" holdfast/nemesis "$@"
}

# split_off CONTAINER ADDRESS,...: it neither hears these nor is heard by them.
split_off() {
  beside "$1" nft -f - <<RULES
table inet holdfast {
  set others { type ipv4_addr; elements = { $2 } }
  chain in { type filter hook input priority 0; ip saddr @others drop; }
  chain out { type filter hook output priority 0; ip daddr @others drop; }
}
RULES
}

# addresses: those of the containers on its input, on all of their networks, with commas.
addresses() {
  xargs docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{"\n"}}{{end}}' |
    awk 'NF { printf "%s%s", sep, $1; sep = ", " }'
}

# split: the containers of $targets from all that run in $everything.
split() {
  local others
  others=$(awk '$4 == "running" { print $2 }' <<<"$everything" |
    grep -vxF "$(awk '{ print $2 }' <<<"$targets")") || fail "There is nobody else to split these from."
  others=$(addresses <<<"$others")
  awk '{ print $2 }' <<<"$targets" >>"$RULES"
  awk '{ print $2 }' <<<"$targets" | xargs -P "$AT_ONCE" -I '{}' bash -ec 'split_off "$1" "$2"' _ '{}' "$others"
}

# delayer OPTION... -- ARGUMENT...: docker/nemesis/delay.py, in the network namespace that an option names.
delayer() {
  local options=()
  while [ "$1" != -- ]; do options+=("$1") && shift; done
  shift
  docker run --rm --user 0 --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW --device /dev/net/tun \
    --memory 96m "${options[@]}" holdfast/nemesis python3 /delay.py "$@"
}

# slow_down CONTAINER MILLISECONDS: a helper beside it lets its packets wait, and ends with its network.
slow_down() {
  docker rm --force "$1-delay" >/dev/null 2>&1 || true
  delayer --detach --name "$1-delay" --label "holdfast.delays=$1" --network "container:$1" -- "$2" >/dev/null
  # shellcheck disable=SC2016 # expands in the other shell
  timeout 20 bash -c 'until docker logs "$1-delay" | grep -q slow; do
    docker inspect "$1-delay" >/dev/null || exit 1
    sleep 0.1
  done' _ "$1"
}

# slow MILLISECONDS: the containers of $targets.
slow() {
  local why
  if ! why=$(delayer --network none -- --try 2>&1); then
    fail "Nobody can be slowed here: it needs /dev/net/tun, and a kernel with nftables' egress hook (5.16)."$'\n'"$why"
  fi
  awk '{ print $2 }' <<<"$targets" >>"$RULES"
  awk '{ print $2 }' <<<"$targets" | xargs -P "$AT_ONCE" -I '{}' bash -ec 'slow_down "$1" "$2"' _ '{}' "$1"
}

# unrule CONTAINER: a container that was started again has none.
unrule() {
  beside "$1" bash -c 'nft delete table inet holdfast; nft delete table netdev holdfast' 2>/dev/null || true
  docker rm --force "$1-delay" >/dev/null 2>&1 || true
}

# lift_rules: those of $targets.
lift_rules() {
  local ruled
  if [ ! -s "$RULES" ]; then return; fi
  ruled=$(awk 'NR == FNR { has[$1]; next } $2 in has && $4 == "running"' "$RULES" - <<<"$targets")
  grep -vxF "$(awk '{ print $2 }' <<<"$targets")" "$RULES" >"$RULES.rest" || true # nobody is left
  mv "$RULES.rest" "$RULES"
  if [ -z "$ruled" ]; then return; fi
  awk '{ print $2 }' <<<"$ruled" | xargs -P "$AT_ONCE" -n 1 bash -ec 'unrule "$1"' _
  echo "joined again $(names <<<"$ruled")"
}

export -f beside split_off delayer slow_down unrule
