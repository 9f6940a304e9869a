#!/usr/bin/env bash
# The live view of the cluster; `watch.sh --once` prints a single frame.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exec scripts/tools.sh python -m loadtests.watch "$@"
