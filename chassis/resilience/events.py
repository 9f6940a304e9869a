"""What the primitives tell about themselves, for whoever counts it. No metrics library here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Gauge: TypeAlias = Literal["breaker_state", "bulkhead_in_use", "bulkhead_waiting"]
Count: TypeAlias = Literal[
    "breaker_rejected", "bulkhead_rejected", "deadline_exceeded", "retry", "retry_refused"
]

GAUGES: frozenset[str] = frozenset({"breaker_state", "bulkhead_in_use", "bulkhead_waiting"})
"""Kinds whose value is how it stands now; of every other kind, one event is one occurrence."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a primitive did.

    `value` of a breaker_state is 0 closed, 1 half-open, 2 open; of the bulkhead's gauges a number
    of calls; of everything that is counted 1.
    """

    name: str
    kind: Gauge | Count
    value: int = 1


Observer: TypeAlias = Callable[[Event], None]


def emit(observer: Observer | None, name: str, kind: Gauge | Count, value: int = 1) -> None:
    """Tells the observer. One that fails is logged: counting must not break what is counted."""
    if observer is None:
        return
    try:
        observer(Event(name, kind, value))
    except Exception:
        log.exception("an observer of %s failed", name)
