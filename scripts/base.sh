#!/usr/bin/env bash
# Makes the image holdfast/base: on Debian's published image where a registry answers, else on the same
# system made here by debootstrap. Does nothing when the image stands and its recipe is unchanged.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly IMAGE=holdfast/base PUBLISHED=debian:trixie-slim SUITE=trixie
readonly PULL_SECONDS=20

readonly SYSTEM=holdfast/system

# What an image was made from is its label, so that an unchanged recipe is not cooked again.
recipe() { cat "$@" | cksum; }
made_from() { docker image inspect --format '{{index .Config.Labels "holdfast.recipe"}}' "$1" 2>/dev/null; }

make_system() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "No registry gives $PUBLISHED, and only root on Debian or Ubuntu can make it here (debootstrap)."
  fi
  if ! command -v debootstrap >/dev/null || [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
    quietly "apt: installing debootstrap" install_debootstrap
  fi
  quietly "debootstrap: making Debian $SUITE" bootstrap
}

install_debootstrap() {
  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    debootstrap debian-archive-keyring </dev/null
}

bootstrap() {
  local tree status=0
  tree=$(mktemp -d /var/tmp/holdfast-base.XXXXXX)
  {
    debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
      "$SUITE" "$tree" </dev/null &&
      cp docker/slim.sh "$tree/slim.sh" && chroot "$tree" sh /slim.sh "$SUITE" && rm "$tree/slim.sh" &&
      tar -C "$tree" --numeric-owner -c . | docker import \
        --change 'CMD ["bash"]' --change "LABEL holdfast.recipe=\"$system_recipe\"" - "$SYSTEM"
  } || status=$?
  rm -rf "$tree"
  return "$status"
}

system_recipe=$(recipe docker/slim.sh)
base_recipe=$(recipe docker/slim.sh docker/base.Dockerfile)
if [ "$(made_from "$IMAGE")" = "$base_recipe" ]; then exit 0; fi
if docker image inspect "$PUBLISHED" >/dev/null 2>&1 ||
  within "$PULL_SECONDS" docker pull --quiet "$PUBLISHED" >/dev/null 2>&1; then
  system=$PUBLISHED
else
  if [ "$(made_from "$SYSTEM")" != "$system_recipe" ]; then make_system; fi
  system=$SYSTEM
fi
quietly "image $IMAGE, on $system" docker build --quiet --build-arg "SYSTEM=$system" \
  --label "holdfast.recipe=$base_recipe" --tag "$IMAGE" --file docker/base.Dockerfile docker
