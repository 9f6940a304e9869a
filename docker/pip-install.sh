#!/bin/sh
# pip-install FILE: hashed packages only, into /opt/venv, with the host's CA bundle where a build has one.
set -eu
ca=/run/secrets/ca
if [ -s "$ca" ]; then export PIP_CERT="$ca"; fi
/pip/bin/pip --python /opt/venv install --quiet --no-compile --require-hashes -r "$1"
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
