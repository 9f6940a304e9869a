#!/usr/bin/env bash
# A table of every container: instance, zone, health, memory of its limit, CPU, image; and the sum of memory.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ids=$(containers '{{.ID}}')
[ -n "$ids" ] || fail "Nothing runs here (project $PROJECT). Start it: make up"
{
  containers 'about|{{.Names}}|{{.Status}}|{{.Image}}'
  # shellcheck disable=SC2086  # one word an id
  docker stats --no-stream --format 'usage|{{.Name}}|{{.MemUsage}}|{{.CPUPerc}}' $ids
} | awk -F'|' -v project="$PROJECT-" '
  function mebibytes(text) {
    if (text ~ /GiB/) return text * 1024
    if (text ~ /MiB/) return text + 0
    if (text ~ /KiB|kB/) return text / 1024
    return text / 1048576
  }
  $1 == "about" { status[$2] = $3; image[$2] = $4; next }
  { split($3, memory, " / "); used[$2] = mebibytes(memory[1]); limit[$2] = mebibytes(memory[2]); cpu[$2] = $4 }
  END {
    row = "%-20s %-5s %-36s %14s %8s  %s\n"
    printf row, "INSTANCE", "ZONE", "STATE", "MEMORY MiB", "CPU", "IMAGE"
    order = "sort"
    for (name in status) {
      instance = substr(name, length(project) + 1)
      zone = instance; sub(/-[0-9]+$/, "", zone); sub(/.*-/, "", zone)
      memory_text = used[name] ? sprintf("%d of %d", used[name], limit[name]) : "-"
      printf row, instance, zone, status[name], memory_text, (name in cpu ? cpu[name] : "-"), image[name] | order
      sum += used[name]; count++
    }
    close(order)
    printf "\n%d containers, %.0f MiB in use\n", count, sum
  }'
