# shellcheck shell=bash
# Rules in a container's own network namespace, made from beside it by the image holdfast/nemesis: what
# `fault.sh split` does. Who has any is in .state/rules, so that `heal` can lift them.
# Lines of $targets and $everything are those of fault.sh: instance container zone state.
# shellcheck disable=SC2154,SC2016 # assigned there; what stands in single quotes expands in the shell that xargs starts
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

# unrule CONTAINER: a container that was started again has none.
unrule() {
  beside "$1" nft delete table inet holdfast 2>/dev/null || true
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

export -f beside split_off unrule
