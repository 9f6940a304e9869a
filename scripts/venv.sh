#!/usr/bin/env bash
# .venv with the pinned packages of tests and checks; nothing to do while their list is unchanged.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly LIST=requirements/dev.txt STAMP=.venv/requirements.cksum
list=$(cksum <"$LIST")
if [ "$(cat "$STAMP" 2>/dev/null)" = "$list" ]; then exit 0; fi
python3 -c 'import ensurepip, venv' 2>/dev/null || fail "python3 with venv is needed (Debian: apt-get install python3-venv)"
[ -x .venv/bin/python ] || python3 -m venv .venv
quietly "packages of $LIST into .venv" .venv/bin/python -m pip install --require-hashes -r "$LIST"
printf '%s\n' "$list" >"$STAMP"
