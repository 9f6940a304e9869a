#!/usr/bin/env bash
# Lists the dead letters; REPLAY=all, or REPLAY=0:17 for one of them, sends them back.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exec scripts/tools.sh python -m services.dlq.main
