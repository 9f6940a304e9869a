"""What the balancer says of itself: its state as JSON, its counters as Prometheus text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from loadbalancer.datapath.front import Front
from loadbalancer.observe.meters import BOUNDS, quantile, total
from loadbalancer.pools.instance import Instance, State
from loadbalancer.pools.pool import Pool

_EACH = 7
"""Every so manieth bucket is told to Prometheus: 8 of 56."""
_BUCKETS = len(BOUNDS) + 1
Numbers = dict[str, Any]


def numbers(pools: Iterable[Pool], fronts: Iterable[Front], lines_lost: int) -> Numbers:
    """What one process has counted, so that it can be added to what others have.

    `sums` only ever grow; `now` is how it is at this moment.
    """
    pools, fronts = list(pools), list(fronts)
    return {
        "sums": {
            "log": {"lost": lines_lost},
            "pools": {
                p.name: {
                    "requests": p.budget.requests, "errors": p.errors, "retries": p.retries,
                    "refused": p.budget.refused,
                }
                for p in pools
            },
            "instances": {p.name: _each(p, _sums) for p in pools},
            "fronts": {
                f.settings.name: {
                    "rejected": f.rejected,
                    "unlogged": f.unlogged,
                    "tunnels": dict(f.tunnels),
                    "statuses": {str(status): count for status, count in f.statuses.items()},
                }
                for f in fronts
            },
        },
        "now": {
            "pools": {
                p.name: {"in_flight": p.in_flight, "waiting": len(p.waiting), "limit": p.limit}
                for p in pools
            },
            "instances": {p.name: _each(p, _now) for p in pools},
            "fronts": {f.settings.name: {"connections": len(f.callers)} for f in fronts},
        },
    }  # fmt: skip


def _each(pool: Pool, read: Callable[[Instance], Numbers]) -> Numbers:
    return {i.address: read(i) for i in pool.instances.values()}


def _sums(instance: Instance) -> Numbers:
    meter = instance.meter
    return {
        "requests": meter.requests,
        "errors": meter.errors,
        "retries": meter.retries,
        "seconds": meter.seconds,
        "counts": list(meter.counts),
    }


def _now(instance: Instance) -> Numbers:
    meter = instance.meter
    return {
        "in_flight": instance.in_flight,
        "connections": instance.connections,
        "rate": meter.rate(),
        "recent": meter.recent(),
    }


_NO_SUMS = {"requests": 0, "errors": 0, "retries": 0, "seconds": 0.0, "counts": [0] * _BUCKETS}
_NOW_NOTHING = {"in_flight": 0, "connections": 0, "rate": 0.0, "recent": [0] * _BUCKETS}


def add(one: Numbers, other: Numbers) -> Numbers:
    """Both together: what is in both is added, number by number."""
    both = dict(one)
    for key, value in other.items():
        mine = both.get(key)
        if mine is None:
            both[key] = value
        elif isinstance(value, dict):
            both[key] = add(mine, value)
        elif isinstance(value, list):
            both[key] = [a + b for a, b in zip(mine, value, strict=True)]
        else:
            both[key] = mine + value
    return both


def without_strangers(sums: Numbers, known: Iterable[Numbers]) -> Numbers:
    """Forgets instances that nobody knows any more, so that sums do not grow for ever."""
    names: dict[str, set[str]] = {}
    for one in known:
        for pool, each in one.get("sums", {}).get("instances", {}).items():
            names.setdefault(pool, set()).update(each)
    kept = {
        pool: {address: row for address, row in each.items() if address in names.get(pool, ())}
        for pool, each in sums.get("sums", {}).get("instances", {}).items()
    }
    return {"sums": {**sums.get("sums", {}), "instances": kept}}


def state(pools: Iterable[Pool], counted: Numbers, now: float) -> dict[str, Any]:
    """Every pool with its instances. `counted` is what `numbers` gave, of all processes."""
    return {pool.name: _pool(pool, counted, now) for pool in pools}


def _pool(pool: Pool, counted: Numbers, now: float) -> dict[str, Any]:
    instances = sorted(pool.instances.values(), key=lambda i: (i.zone, i.name))
    present = [i for i in instances if i.state is not State.GONE]
    sums, current = counted["sums"]["pools"][pool.name], counted["now"]["pools"][pool.name]
    each = counted["now"]["instances"][pool.name]
    recent = total(one["recent"] for one in each.values())
    return {
        "policy": pool.settings.policy,
        "requests": sums["requests"],
        "errors": sums["errors"],
        "retries": sums["retries"],
        "retries_refused": sums["refused"],
        "rps": round(sum(one["rate"] for one in each.values()), 1),
        "p50_ms": _ms(quantile(recent, 0.50)),
        "p99_ms": _ms(quantile(recent, 0.99)),
        "in_flight": current["in_flight"],
        "limit": current["limit"],
        "waiting": current["waiting"],
        "healthy": sum(i.state is State.UP for i in present),
        "size": len(present),
        "panic": pool.panic,
        "instances": [_instance(i, pool.name, counted, now) for i in instances],
    }


def _of(counted: Numbers, pool: str, instance: Instance) -> tuple[Numbers, Numbers]:
    """Nothing yet, of one that was found a moment ago."""
    sums = counted["sums"]["instances"][pool].get(instance.address, _NO_SUMS)
    return sums, counted["now"]["instances"][pool].get(instance.address, _NOW_NOTHING)


def _instance(instance: Instance, pool: str, counted: Numbers, now: float) -> dict[str, Any]:
    sums, current = _of(counted, pool, instance)
    return {
        "name": instance.name,
        "address": instance.address,
        "zone": instance.zone,
        "weight": instance.weight,
        "state": instance.state.value,
        "reason": instance.reason,
        "since_s": round(now - instance.since, 1),
        "in_flight": current["in_flight"],
        "requests": sums["requests"],
        "errors": sums["errors"],
        "retries": sums["retries"],
        "rps": round(current["rate"], 1),
        "p50_ms": _ms(quantile(current["recent"], 0.50)),
        "p99_ms": _ms(quantile(current["recent"], 0.99)),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def exposition(pools: Iterable[Pool], counted: Numbers, now: float) -> str:
    """Prometheus' text format, version 0.0.4."""
    pools = list(pools)
    lines = ["# TYPE balancer_log_lines_lost_total counter"]
    lines.append(f"balancer_log_lines_lost_total {counted['sums']['log']['lost']}")
    lines += _front_lines(counted)
    for name, kind, part, key in _POOL_METRICS:
        lines.append(f"# TYPE balancer_{name} {kind}")
        lines += [
            f"balancer_{name}{_labels(pool=p.name)} {counted[part]['pools'][p.name][key]}"
            for p in pools
        ]
    lines.append("# TYPE balancer_pool_panic gauge")
    lines += [f"balancer_pool_panic{_labels(pool=p.name)} {int(p.panic)}" for p in pools]
    for name, kind, read in _INSTANCE_METRICS:
        lines.append(f"# TYPE balancer_{name} {kind}")
        for pool in pools:
            for i, target in _targets(pool):
                labels = _labels(pool=pool.name, target=target, zone=i.zone)
                lines.append(f"balancer_{name}{labels} {read(i, now, *_of(counted, pool.name, i))}")
    lines.append("# TYPE balancer_request_seconds histogram")
    for pool in pools:
        for i, target in _targets(pool):
            lines += _histogram(pool.name, target, _of(counted, pool.name, i)[0])
    return "\n".join(lines) + "\n"


def _targets(pool: Pool) -> Iterator[tuple[Instance, str]]:
    """Each instance and its label: its name, or its address where another one has that name.

    That may be one that has gone and came back elsewhere, or backends that call themselves alike.
    """
    taken = set()
    for instance in sorted(pool.instances.values(), key=lambda i: i.state is State.GONE):
        yield instance, instance.address if instance.name in taken else instance.name
        taken.add(instance.name)


_POOL_METRICS = (
    ("pool_requests_total", "counter", "sums", "requests"),
    ("pool_errors_total", "counter", "sums", "errors"),
    ("pool_retries_total", "counter", "sums", "retries"),
    ("pool_retries_refused_total", "counter", "sums", "refused"),
    ("pool_requests_in_flight", "gauge", "now", "in_flight"),
    ("pool_requests_limit", "gauge", "now", "limit"),
    ("pool_requests_waiting", "gauge", "now", "waiting"),
)
_Read = Callable[[Instance, float, Numbers, Numbers], float]
_INSTANCE_METRICS: tuple[tuple[str, str, _Read], ...] = (
    ("instance_up", "gauge", lambda i, *_: int(i.state is State.UP)),
    ("instance_weight", "gauge", lambda i, *_: i.weight),
    ("instance_state_seconds", "gauge", lambda i, now, *_: round(now - i.since, 1)),
    ("instance_errors_total", "counter", lambda _i, _now, sums, _: sums["errors"]),
    ("instance_retries_total", "counter", lambda _i, _now, sums, _: sums["retries"]),
    ("instance_requests_in_flight", "gauge", lambda *given: given[3]["in_flight"]),
    ("instance_connections", "gauge", lambda *given: given[3]["connections"]),
    ("instance_ejections_total", "counter", lambda i, *_: i.ejection.total),
)


def _front_lines(counted: Numbers) -> Iterator[str]:
    yield "# TYPE balancer_answers_total counter"
    for name, front in counted["sums"]["fronts"].items():
        for status, count in sorted(front["statuses"].items()):
            yield f"balancer_answers_total{_labels(listener=name, status=status)} {count}"
    yield "# TYPE balancer_rejected_total counter"
    for name, front in counted["sums"]["fronts"].items():
        yield f"balancer_rejected_total{_labels(listener=name)} {front['rejected']}"
    yield "# TYPE balancer_access_log_left_out_total counter"
    for name, front in counted["sums"]["fronts"].items():
        yield f"balancer_access_log_left_out_total{_labels(listener=name)} {front['unlogged']}"
    yield "# TYPE balancer_tunnels_total counter"
    for name, front in counted["sums"]["fronts"].items():
        for outcome, count in sorted(front["tunnels"].items()):
            yield f"balancer_tunnels_total{_labels(listener=name, outcome=outcome)} {count}"
    yield "# TYPE balancer_connections gauge"
    for name, front in counted["now"]["fronts"].items():
        yield f"balancer_connections{_labels(listener=name)} {front['connections']}"


def _histogram(pool: str, name: str, sums: Numbers) -> Iterator[str]:
    seen = 0
    for at, count in enumerate(sums["counts"][:-1]):
        seen += count
        if at % _EACH == _EACH - 1:
            labels = _labels(pool=pool, target=name, le=f"{BOUNDS[at]:.4g}")
            yield f"balancer_request_seconds_bucket{labels} {seen}"
    labels = _labels(pool=pool, target=name, le="+Inf")
    yield f"balancer_request_seconds_bucket{labels} {sums['requests']}"
    labels = _labels(pool=pool, target=name)
    yield f"balancer_request_seconds_sum{labels} {sums['seconds']:.6f}"
    yield f"balancer_request_seconds_count{labels} {sums['requests']}"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{k}="{_escape(v)}"' for k, v in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
