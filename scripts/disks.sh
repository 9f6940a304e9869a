# shellcheck shell=bash
# Full disks: what `fault.sh fill` does, and what undoes it. Only a volume with a size of its own may be filled
# (scripts/small-disk.sh gives kafka-b one): any other ends where the machine's disk ends.
# Lines of $targets are those of fault.sh: instance container zone state.
# shellcheck disable=SC2154,SC2016 # assigned there; what stands in single quotes expands in the shell that xargs starts
readonly FILLER=.filler

# bounded CONTAINER: whether what it has on /data has a size of its own.
bounded() {
  local volume
  volume=$(docker inspect --format '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Name}}{{end}}{{end}}' "$1")
  [ -n "$volume" ] && docker volume inspect --format '{{.Options.o}}' "$volume" | grep -q 'size='
}

# fill_one CONTAINER: a helper writes until nothing fits, and stays: a disk in memory is gone with the last who uses it.
fill_one() {
  docker run --detach --name "$1-filler" --label "holdfast.fills=$1" --network none --cap-drop ALL --read-only \
    --user 10001:10001 --volumes-from "$1" holdfast/nemesis sleep infinity >/dev/null
  # That it ends with an error is the point.
  docker exec "$1-filler" bash -c "cat /dev/zero >/data/$FILLER" 2>/dev/null || true
}

# fill: the disks of $targets.
fill() {
  local instance container
  while read -r instance container _; do
    if ! bounded "$container"; then
      fail "The disk of $instance has no size of its own; filling it would fill this machine's. See: scripts/small-disk.sh"
    fi
  done <<<"$targets"
  awk '{ print $2 }' <<<"$targets" | xargs -P "$AT_ONCE" -n 1 bash -ec 'fill_one "$1"' _
}

# empty_disks: those of $targets. Who found its disk full may have died, or be of no use until it is started anew.
empty_disks() {
  local filled
  filled=$(docker ps --all --format '{{.Label "holdfast.fills"}}' --filter label=holdfast.fills |
    grep -xF "$(awk '{ print $2 }' <<<"$targets")" || true)
  if [ -z "$filled" ]; then return; fi
  # shellcheck disable=SC2016 # expands in the other shell
  xargs -P "$AT_ONCE" -n 1 bash -ec 'docker exec "$1-filler" rm -f "/data/$FILLER"
    docker restart --timeout 5 "$1" && docker rm --force "$1-filler"' _ <<<"$filled" >/dev/null
  echo "emptied and started $(awk 'NR == FNR { has[$1]; next } $2 in has' <(echo "$filled") - <<<"$targets" | names)"
}

export FILLER
export -f fill_one
