#!/usr/bin/env bash
# Has reports/ belong to whom the tools run as in their containers, or they could not write there: makes it, as root
# mends it, and else says what to do. Of what is in it, the folders that others are made in.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# No process runs as root: what root starts writes as the images' own user (compose.yaml).
owner=$(setting HOLDFAST_USER 10001:10001)
if [ ! -e reports ]; then
  mkdir reports
  chmod 0755 reports
fi
readonly FOLDERS=(reports reports/load reports/bench reports/gamedays reports/gamedays/planted)
strange=$(find "${FOLDERS[@]}" -maxdepth 0 ! -user "${owner%:*}" 2>/dev/null || true)
if [ -z "$strange" ]; then exit; fi
strange=${strange//$'\n'/ }
if [ "$(id -u)" != 0 ]; then
  fail "The tools write as user ${owner%:*}, to whom $strange does not belong: sudo chown $owner $strange"
fi
# shellcheck disable=SC2086 # words, on purpose
chown "$owner" $strange
