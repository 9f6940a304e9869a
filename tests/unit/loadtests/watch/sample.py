"""What balancers would say of a small cluster."""

from __future__ import annotations

from typing import Any

POOLS = (
    "gateway",
    "catalog",
    "sessions",
    "orders",
    "payments",
    "tickets",
    "notifications",
    "acquirer",
)


def instance(name: str, **differs: Any) -> dict[str, Any]:
    return {
        "name": name,
        "address": "127.0.0.1:1",
        "zone": name.split("-")[1],
        "state": "up",
        "reason": "",
        "since_s": 12.0,
        "in_flight": 1,
        "requests": 1000,
        "errors": 0,
        "retries": 0,
        "rps": 30.5,
        "p50_ms": 3.0,
        "p99_ms": 18.0,
        **differs,
    }


def state(balancer: str = "balancer-a-1", **of: dict[str, Any]) -> dict[str, Any]:
    """A balancer's GET /state; `of` changes instances, named with underscores."""
    changed = {name.replace("_", "-"): fields for name, fields in of.items()}
    return {
        "instance": balancer,
        "zone": balancer.split("-")[1],
        "region": "east",
        "uptime_s": 3700.0,
        "pools": {
            pool: {
                "policy": "round-robin",
                "panic": False,
                "instances": [
                    instance(name, **changed.get(name, {}))
                    for name in (f"{pool}-a-1", f"{pool}-b-1")
                ],
            }
            for pool in POOLS
        },
    }
