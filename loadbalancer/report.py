"""What the balancer says of itself: its state as JSON, its counters as Prometheus text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from loadbalancer.front import Front
from loadbalancer.meters import BOUNDS, quantile
from loadbalancer.pools.instance import Instance, State
from loadbalancer.pools.pool import Pool

_EACH = 7
"""Every so manieth bucket is told to Prometheus: 8 of 56."""


def state(pools: Iterable[Pool], now: float) -> dict[str, Any]:
    """Every pool with its instances."""
    return {pool.name: _pool(pool, now) for pool in pools}


def _pool(pool: Pool, now: float) -> dict[str, Any]:
    instances = sorted(pool.instances.values(), key=lambda i: (i.zone, i.name))
    present = [i for i in instances if i.state is not State.GONE]
    return {
        "policy": pool.settings.policy,
        "requests": pool.budget.requests,
        "errors": pool.errors,
        "retries": pool.retries,
        "retries_refused": pool.budget.refused,
        "rps": round(sum(i.meter.rate() for i in instances), 1),
        "p50_ms": _ms(pool.latency(0.50)),
        "p99_ms": _ms(pool.latency(0.99)),
        "in_flight": pool.in_flight,
        "waiting": len(pool.waiting),
        "healthy": sum(i.state is State.UP for i in present),
        "size": len(present),
        "panic": pool.panic,
        "instances": [_instance(i, now) for i in instances],
    }


def _instance(instance: Instance, now: float) -> dict[str, Any]:
    recent = instance.meter.recent()
    return {
        "name": instance.name,
        "address": instance.address,
        "zone": instance.zone,
        "state": instance.state.value,
        "reason": instance.reason,
        "since_s": round(now - instance.since, 1),
        "in_flight": instance.in_flight,
        "requests": instance.meter.requests,
        "errors": instance.meter.errors,
        "retries": instance.meter.retries,
        "rps": round(instance.meter.rate(), 1),
        "p50_ms": _ms(quantile(recent, 0.50)),
        "p99_ms": _ms(quantile(recent, 0.99)),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def exposition(pools: Iterable[Pool], fronts: Iterable[Front], now: float) -> str:
    """Prometheus' text format, version 0.0.4."""
    pools = list(pools)
    lines = list(_front_lines(fronts))
    for name, kind, value in (
        ("pool_requests_total", "counter", lambda p: p.budget.requests),
        ("pool_errors_total", "counter", lambda p: p.errors),
        ("pool_retries_total", "counter", lambda p: p.retries),
        ("pool_retries_refused_total", "counter", lambda p: p.budget.refused),
        ("pool_requests_in_flight", "gauge", lambda p: p.in_flight),
        ("pool_requests_waiting", "gauge", lambda p: len(p.waiting)),
        ("pool_panic", "gauge", lambda p: int(p.panic)),
    ):
        lines.append(f"# TYPE balancer_{name} {kind}")
        lines += [f"balancer_{name}{_labels(pool=p.name)} {value(p)}" for p in pools]
    for name, kind, read in (
        ("instance_up", "gauge", lambda i: int(i.state is State.UP)),
        ("instance_state_seconds", "gauge", lambda i: round(now - i.since, 1)),
        ("instance_errors_total", "counter", lambda i: i.meter.errors),
        ("instance_retries_total", "counter", lambda i: i.meter.retries),
        ("instance_requests_in_flight", "gauge", lambda i: i.in_flight),
        ("instance_connections", "gauge", lambda i: i.connections),
        ("instance_ejections_total", "counter", lambda i: i.ejection.total),
    ):
        lines.append(f"# TYPE balancer_{name} {kind}")
        for pool in pools:
            for i in pool.instances.values():
                labels = _labels(pool=pool.name, target=i.name, zone=i.zone)
                lines.append(f"balancer_{name}{labels} {read(i)}")
    lines.append("# TYPE balancer_request_seconds histogram")
    for pool in pools:
        for i in pool.instances.values():
            lines += _histogram(pool.name, i)
    return "\n".join(lines) + "\n"


def _front_lines(fronts: Iterable[Front]) -> Iterator[str]:
    fronts = list(fronts)
    yield "# TYPE balancer_answers_total counter"
    for front in fronts:
        for status, count in sorted(front.statuses.items()):
            labels = _labels(listener=front.settings.name, status=str(status))
            yield f"balancer_answers_total{labels} {count}"
    yield "# TYPE balancer_rejected_total counter"
    for front in fronts:
        yield f"balancer_rejected_total{_labels(listener=front.settings.name)} {front.rejected}"


def _histogram(pool: str, instance: Instance) -> Iterator[str]:
    meter, seen = instance.meter, 0
    for at, count in enumerate(meter.counts[:-1]):
        seen += count
        if at % _EACH == _EACH - 1:
            labels = _labels(pool=pool, target=instance.name, le=f"{BOUNDS[at]:.4g}")
            yield f"balancer_request_seconds_bucket{labels} {seen}"
    labels = _labels(pool=pool, target=instance.name, le="+Inf")
    yield f"balancer_request_seconds_bucket{labels} {meter.requests}"
    labels = _labels(pool=pool, target=instance.name)
    yield f"balancer_request_seconds_sum{labels} {meter.seconds:.6f}"
    yield f"balancer_request_seconds_count{labels} {meter.requests}"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{k}="{_escape(v)}"' for k, v in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
