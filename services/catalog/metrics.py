"""What catalog counts of itself."""

from __future__ import annotations

from prometheus_client import Counter

from chassis.metrics import BREAKER_STATE, GUARD_EVENTS
from chassis.resilience import Event

CACHE = Counter(
    "catalog_cache",
    "answers and loads by where they came from: near (own memory), shared (Redis), source"
    " (Postgres), old (the source was away)",
    ["from"],
)


def on_guard_event(event: Event) -> None:
    """Counts what the cache's breakers do."""
    if event.kind == "breaker_state":
        BREAKER_STATE.labels(event.name).set(event.value)
    else:
        GUARD_EVENTS.labels(event.name, event.kind).inc(event.value)
