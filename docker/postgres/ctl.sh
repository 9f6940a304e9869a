#!/bin/bash
# patronictl with this member's settings: ctl.sh list, ctl.sh switchover --force, ...
set -euo pipefail
# shellcheck source=docker/postgres/patroni.env
. /etc/holdfast/patroni.env
exec patronictl -c /etc/holdfast/patroni.yaml "$@"
