"""What the leader knows of all instances, as it tells it to the other workers again and again.

Always all of it: so who missed something, or has just been started, knows it a moment later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from loadbalancer.config.texts import joined
from loadbalancer.pools.instance import Instance, Listing
from loadbalancer.pools.pool import Pool

Row = dict[str, Any]
View = dict[str, list[Row]]


def view(pools: Iterable[Pool], now: float) -> View:
    """Every pool's instances, for JSON."""
    return {pool.name: [_row(i, now) for i in pool.instances.values()] for pool in pools}


def _row(instance: Instance, now: float) -> Row:
    check, ejection = instance.check, instance.ejection
    return {
        "host": instance.host,
        "port": instance.port,
        "zone": instance.zone,
        "weight": instance.weight,
        "source": instance.source,
        "listing": instance.listing.value,
        "name": instance.name if instance.named else "",
        "drained": instance.drained,
        "ready": check.ready,
        "draining": check.draining,
        "answers": check.answers,
        "checked": check.checked,
        "reason": check.reason,
        "ejected": ejection.active,
        "ejections": ejection.total,
        "ejection": ejection.reason,
        "left": round(ejection.left(now), 1),
    }


def follow(pools: Mapping[str, Pool], said: View, now: float) -> None:
    """Knows the same; pools that are not ours (yet, or any more) are passed over."""
    for name, rows in said.items():
        if name in pools:
            _follow(pools[name], rows, now)


def _follow(pool: Pool, rows: list[Row], now: float) -> None:
    known = {joined(row["host"], row["port"]): row for row in rows}
    for key, row in known.items():
        instance = pool.instances.get(key)
        if instance is None:
            instance = Instance(row["host"], row["port"], pool.settings)
            instance.since, instance.check.due = now, float("inf")
            pool.instances[key] = instance
        _take(instance, row, now)
    for key, instance in list(pool.instances.items()):
        if key not in known:
            instance.listing = Listing.DROPPED
            if not instance.in_flight and not instance.connections:
                del pool.instances[key]
    pool.refresh(now)


def _take(instance: Instance, row: Row, now: float) -> None:
    instance.zone, instance.weight = row["zone"], row["weight"]
    instance.source, instance.listing = row["source"], Listing(row["listing"])
    instance.drained = row["drained"]
    if row["name"]:
        instance.rename(row["name"])
    check = instance.check
    check.ready, check.draining, check.answers = row["ready"], row["draining"], row["answers"]
    check.checked, check.reason = row["checked"], row["reason"]
    instance.ejection.follow(
        row["ejections"], row["ejection"], row["left"], now, active=row["ejected"]
    )
