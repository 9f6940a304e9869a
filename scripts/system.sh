#!/usr/bin/env bash
# Makes the image holdfast/system, which holdfast/base is built on: Debian's published slim image where a
# registry answers, else the same made here by debootstrap. Does nothing when it is there.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly IMAGE=holdfast/system PUBLISHED=debian:trixie-slim SUITE=trixie
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
readonly PULL_SECONDS=20

# What it was made from is its label, so that a changed recipe is noticed; a pulled one has none.
recipe=$(cksum <docker/slim.sh)
stands() {
  local made_from
  made_from=$(docker image inspect --format '{{index .Config.Labels "holdfast.recipe"}}' "$IMAGE" 2>/dev/null) || return 1
  [ -z "$made_from" ] || [ "$made_from" = "$recipe" ]
}

# One that was not here before is marked by a tag of ours, and goes with the rest (down.sh --clean).
pull() {
  local before
  before=$(docker image inspect --format '{{.Id}}' "$PUBLISHED" 2>/dev/null) || before=''
  within "$PULL_SECONDS" docker pull --quiet "$PUBLISHED" >/dev/null 2>&1 && docker tag "$PUBLISHED" "$IMAGE" || return
  if [ -z "$before" ]; then docker tag "$PUBLISHED" "$IMAGE:pulled"; fi
}

make_here() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "No registry gives $PUBLISHED, and only root on Debian or Ubuntu can make it here (debootstrap)."
  fi
  if ! command -v debootstrap >/dev/null || [ ! -e "$KEYRING" ]; then
    quietly "apt: installing debootstrap" install_debootstrap
  fi
  quietly "debootstrap: no registry gives Debian $SUITE, so it is made here" bootstrap
}

install_debootstrap() {
  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    debootstrap debian-archive-keyring </dev/null
}

bootstrap() {
  local tree status=0
  tree=$(mktemp -d /var/tmp/holdfast-system.XXXXXX)
  {
    debootstrap --variant=minbase --keyring="$KEYRING" "$SUITE" "$tree" </dev/null &&
      cp docker/slim.sh "$tree/slim.sh" && chroot "$tree" sh /slim.sh "$SUITE" && rm "$tree/slim.sh" &&
      tar -C "$tree" --numeric-owner -c . | docker import \
        --change 'CMD ["bash"]' --change "LABEL holdfast.recipe=\"$recipe\"" - "$IMAGE"
  } || status=$?
  rm -rf "$tree"
  return "$status"
}

stands || pull || make_here
