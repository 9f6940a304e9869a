# Two images: `python` (the balancer, the gateway and every service) and `tools` (load, watch, game days).
# The secret `ca` is the host's CA bundle, for a machine behind a TLS-intercepting proxy; no layer has it.

FROM holdfast/base AS builder
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv \
 && python3 -m venv /pip && python3 -m venv --without-pip /opt/venv
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY docker/pip-install.sh /usr/local/bin/pip-install

FROM builder AS packages
COPY requirements/runtime.txt /requirements/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip pip-install /requirements/runtime.txt

FROM packages AS tools-packages
COPY requirements/tools.txt /requirements/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip pip-install /requirements/tools.txt

# Bytecode is made here, because root file systems are read-only when it would be made otherwise.
FROM builder AS code
COPY chassis /app/chassis
COPY services /app/services
COPY gateway /app/gateway
COPY loadbalancer /app/loadbalancer
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app
COPY docker/balancer.toml /etc/holdfast/

FROM code AS tools-code
COPY loadtests /app/loadtests
COPY gamedays /app/gamedays
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app/loadtests /app/gamedays

# Debian's python3: built with PGO and LTO. Two malloc arenas keep threads from holding memory each.
# uvloop looks names up in this many threads, 4 by default: a dead name takes each a second, and the names
# of the living would wait behind them (measured: 20 s behind 40 of a dead zone's names, 0.9 s with 64).
FROM holdfast/base AS interpreter
RUN apt-get update && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2 UV_THREADPOOL_SIZE=32
WORKDIR /app
USER 10001:10001

FROM interpreter AS python
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /etc/holdfast /etc/holdfast
COPY --from=code /app /app

# With a bug in it, to see whether the checkers of game days see it; nothing of this is in `python`.
FROM python AS planted
COPY gamedays/__init__.py /app/gamedays/
COPY gamedays/planted/*.py /app/gamedays/planted/
COPY gamedays/planted/sitecustomize.py /app/

FROM interpreter AS tools
COPY --from=tools-packages /opt/venv /opt/venv
COPY --from=tools-code /app /app
