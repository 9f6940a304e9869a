#!/usr/bin/env bash
# Writes .env (mode 0600): passwords made at random, and what Compose must know of this machine.
# Never changes a value that is there; adds the names that are missing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
umask 077

has() { grep -q "^$1=" .env 2>/dev/null; }
put() { has "$1" || printf '%s=%s\n' "$1" "$2" >>.env; }
random_hex() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

has POSTGRES_PASSWORD || step "passwords, made at random, into .env (only you can read it)"
touch .env
chmod 0600 .env
for name in POSTGRES_PASSWORD REPLICATION_PASSWORD PATRONI_PASSWORD CATALOG_DB_PASSWORD SESSIONS_DB_PASSWORD \
  ORDERS_DB_PASSWORD TICKETS_DB_PASSWORD NOTIFICATIONS_DB_PASSWORD ACQUIRER_DB_PASSWORD REDIS_PASSWORD \
  ADMIN_TOKEN TICKET_SIGNING_KEY ACQUIRER_API_KEY; do
  put "$name" "$(random_hex)"
done

if [ "$(id -u)" != 0 ]; then put HOLDFAST_USER "$(id -u):$(id -g)"; fi
scripts/reports.sh
# Builds behind a TLS-intercepting proxy need the host's bundle.
for bundle in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
  if [ -s "$bundle" ]; then
    put HOLDFAST_CA "$bundle"
    break
  fi
done
put HOLDFAST_SYSTEM holdfast/system
