"""Points of the test image's work at which a process dies when it is told to (`scripts/crash.sh`).

The same points as in tests/integration/crash, where one process meets them alone; here a
container meets them under load. `crash.sh` writes a point's name into ARMED of one container: the
next time its process comes there, it is gone, without a last word to anybody.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

NAME = "crash-points"
"""What PLANTED_BUG has to be."""

ARMED = Path("/tmp/.crash-at")  # noqa: S108 - the container's own, empty after each start

_KILLED = 137


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a function of a program; `on` has to be in the call's arguments."""

    program: str
    when: Literal["before", "after"]
    place: str
    on: str = ""


_PUBLISH = "chassis.bus.producer:Producer.publish"

POINTS = {
    "order-placed-uncommitted": Point("orders", "after", "services.orders.store:_place"),
    "order-placed-unanswered": Point("orders", "after", "services.orders.store:Store.place"),
    "event-committed-untold": Point("orders", "before", _PUBLISH),
    "event-told-unmarked": Point("orders", "after", _PUBLISH),
    "event-marked": Point(
        "orders", "after", "chassis.store.postgres:Database.execute", "UPDATE outbox"
    ),
    "order-decided-uncommitted": Point("orders", "after", "services.orders.store:_apply_payments"),
    "order-decided-unread": Point("orders", "after", "services.orders.store:Store.apply_payments"),
    "card-charged-untold": Point("payments", "after", "services.payments.acquirer:Acquirer.charge"),
    "charge-told-unread": Point("payments", "after", _PUBLISH),
    "tickets-issued-uncommitted": Point("tickets", "after", "services.tickets.store:_insert"),
    "tickets-issued-unread": Point(
        "tickets", "after", "services.tickets.store:Store.apply_orders"
    ),
    "seats-counted-uncommitted": Point("catalog", "after", "services.catalog.store:_apply_orders"),
    "seats-counted-unread": Point(
        "catalog", "after", "services.catalog.store:Store.apply_orders"
    ),
    "message-taken-unsent": Point("notifications", "after", "chassis.bus.inbox:take_new"),
    "message-sent-unread": Point(
        "notifications", "after", "services.notifications.subscribers.subscriber:Subscriber.receive"
    ),
}  # fmt: skip
"""Between effect and commit, commit and publish, publish and mark, effect and offset."""


def _die() -> None:
    # Not SIGKILL: the first process of a container gets none of its own.
    # Nothing is closed or flushed by this either.
    os._exit(_KILLED)


def _armed() -> str:
    try:
        return ARMED.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _wrapped(
    name: str, point: Point, inner: Callable[..., Any], die: Callable[[], None]
) -> Callable[..., Any]:
    @functools.wraps(inner)
    async def mortal(*args: Any, **kwargs: Any) -> Any:
        meant = _armed() == name and point.on in repr((args, kwargs))
        if meant and point.when == "before":
            die()
        result = await inner(*args, **kwargs)
        if meant and point.when == "after":
            die()
        return result

    return mortal


def plant(program: str, die: Callable[[], None] = _die) -> None:
    """Makes this program's process mortal at its points."""
    for name, point in POINTS.items():
        if point.program != program:
            continue
        module, _, path = point.place.partition(":")
        *classes, last = path.split(".")
        owner: Any = functools.reduce(getattr, classes, import_module(module))
        inner = getattr(owner, last)
        if not asyncio.iscoroutinefunction(inner):
            raise TypeError(f"{point.place}: no coroutine function to die in")
        setattr(owner, last, _wrapped(name, point, inner, die))
