# shellcheck shell=bash
# Slow networks: what `fault.sh slow` does, and what undoes it. A helper beside each container lets wait what
# leaves it (docker/nemesis/delay.py), and ends with the container's network.
# Lines of $targets are those of fault.sh: instance container zone state.
# shellcheck disable=SC2154,SC2016 # assigned there; what stands in single quotes expands in the shell that xargs starts

# delayer OPTION... -- ARGUMENT...: the helper, in the network namespace that an option names.
delayer() {
  local options=()
  while [ "$1" != -- ]; do options+=("$1") && shift; done
  shift
  docker run --rm --user 0 --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW --device /dev/net/tun \
    --memory 96m "${options[@]}" holdfast/nemesis python3 /delay.py "$@"
}

# slow_down CONTAINER MILLISECONDS: returns when its packets wait.
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
  awk '{ print $2 }' <<<"$targets" | xargs -P "$AT_ONCE" -I '{}' bash -ec 'slow_down "$1" "$2"' _ '{}' "$1"
}

# end_delays: those of $targets. Told to end, a helper sends on what still waits.
end_delays() {
  local slowed
  slowed=$(docker ps --format '{{.Label "holdfast.delays"}}' --filter label=holdfast.delays |
    grep -xF "$(awk '{ print $2 }' <<<"$targets")" || true)
  if [ -z "$slowed" ]; then return; fi
  xargs -I '{}' echo '{}-delay' <<<"$slowed" | xargs docker stop --time 15 >/dev/null || true # some ended by themselves
  echo "no longer slow $(awk 'NR == FNR { has[$1]; next } $2 in has' <(echo "$slowed") - <<<"$targets" | names)"
}

export -f delayer slow_down
