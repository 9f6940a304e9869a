# shellcheck shell=bash
# What every script shares: where the repository is, one way to speak, one way to tell the time.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# The whole command's clock: a script called by another one counts on.
HOLDFAST_STARTED=${HOLDFAST_STARTED:-$(date +%s)}
export HOLDFAST_STARTED

elapsed() { echo $(($(date +%s) - HOLDFAST_STARTED)); }
step() { printf '%4ss  %s\n' "$(elapsed)" "$*"; }
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# quietly WHAT COMMAND...: says WHAT in one line, keeps the output to itself unless the command fails.
quietly() {
  local what=$1 log
  shift
  step "$what"
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    rm -f "$log"
    fail "failed: $what"
  fi
  rm -f "$log"
}

# within SECONDS COMMAND...: bounded where the system can bound it (a bare macOS cannot).
within() {
  local seconds=$1
  shift
  if command -v timeout >/dev/null; then timeout "$seconds" "$@"; else "$@"; fi
}

# setting NAME DEFAULT: from the environment, else from .env, else the default; as Compose reads it.
setting() {
  local value=${!1:-}
  if [ -z "$value" ] && [ -r .env ]; then value=$(sed -n "s/^$1=//p" .env | tail -n 1); fi
  printf '%s\n' "${value:-$2}"
}

PROJECT=$(setting COMPOSE_PROJECT_NAME holdfast)

# containers FORMAT: one line for each container of the cluster, one-off tools left out.
containers() {
  docker ps --all --format "$1" --filter "label=com.docker.compose.project=$PROJECT" \
    --filter label=com.docker.compose.oneoff=False
}

# run_tool OPTIONS...: `docker compose run` in a container that is gone when this script ends, by whatever. Compose by
# itself leaves it behind when it is told to end, or when its terminal is closed.
run_tool() {
  local name=$PROJECT-run-$$
  # shellcheck disable=SC2064 # the name as it is now
  trap "docker rm --force $name >/dev/null 2>&1 || true" EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT # on a terminal Ctrl-C is the tool's own, and does not come here
  trap 'exit 143' TERM
  # Waited for, not run in front: a signal is heeded at once.
  docker compose run --name "$name" "$@" <&0 &
  wait "$!"
}

# Removes images of ours that a newer build has replaced and that nothing uses.
drop_replaced_images() { docker image prune --force --filter label=holdfast.image >/dev/null; }

# patroni_agrees SERVICE PATH SECONDS: whether Patroni, asked inside that member, answers 200 in time.
patroni_agrees() {
  local ask='exec 3<>/dev/tcp/127.0.0.1/8008; printf "GET '"$2"' HTTP/1.0\r\n\r\n" >&3'
  docker compose exec -T "$1" bash -c "$ask; read -rt $3 _ status _ <&3; "'[ "$status" = 200 ]' >/dev/null 2>&1
}
