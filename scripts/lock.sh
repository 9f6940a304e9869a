#!/usr/bin/env bash
# Pins what requirements/*.in ask for, and what that needs, by version and hash. Pins that still fit stay;
# UPGRADE=yes: the newest of all.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v uv >/dev/null || fail "uv is needed, which finds versions that fit together: pip install uv, or pipx install uv"

options=(--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet)
if [ -n "${UPGRADE:-}" ]; then options+=(--upgrade); fi
# In this order: the ones below contain those above, or are held to them.
for name in runtime tools dev bench; do
  quietly "pins of requirements/$name.in" \
    uv pip compile "${options[@]}" "requirements/$name.in" --output-file "requirements/$name.txt"
done
