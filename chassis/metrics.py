"""Prometheus metrics: RED by route, and what the shared parts count of themselves.

The instance is not a label: who scrapes knows whom it asked.
"""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from chassis.resilience.events import GAUGES, Event

__all__ = ["CONTENT_TYPE_LATEST", "exposition", "observe"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter("http_requests", "requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_seconds", "time to answer", ["method", "route"], buckets=_SECONDS
)
IN_FLIGHT = Gauge("http_requests_in_flight", "requests being answered")

TASK_CRASHES = Counter(
    "task_crashes", "background tasks that failed and were started again", ["task"]
)

STORE_ERRORS = Counter("store_errors", "calls to a store that failed", ["store", "kind"])
STORE_SECONDS = Histogram(
    "store_seconds", "time of a call or transaction", ["store", "operation"], buckets=_SECONDS
)
STORE_UNREPLICATED = Counter(
    "store_unreplicated", "writes answered before any replica had them", ["store", "operation"]
)
POSTGRES_CONNECTIONS = Gauge("postgres_connections", "connections of the pool", ["state"])
POSTGRES_SERVER_CHANGES = Counter("postgres_server_changes", "times that another server was used")

MESH_FAILOVERS = Counter("mesh_failovers", "calls sent again by another balancer", ["balancer"])

BUS_PUBLISHED = Counter("bus_published", "events acknowledged by the brokers", ["topic"])
BUS_CONSUMED = Counter("bus_consumed", "events whose effect is done", ["group"])
BUS_DUPLICATES = Counter("bus_duplicates", "events that the inbox had seen before", ["group"])
BUS_RETRIES = Counter("bus_retries", "batches tried again after a failure", ["group"])
BUS_DEAD_LETTERS = Counter("bus_dead_letters", "events given up", ["group"])
BUS_LAG = Gauge("bus_lag", "events not yet taken, of the partitions held", ["group", "partition"])
OUTBOX_WAITING = Gauge("outbox_waiting", "events committed and not yet published")
OUTBOX_LEADER = Gauge("outbox_leader", "1 while this instance's relay is the active one")

BREAKER_STATE = Gauge("breaker_state", "0 closed, 1 half-open, 2 open", ["name"])
GUARD_EVENTS = Counter("guard_events", "what bulkheads, breakers, retries did", ["name", "event"])
BULKHEAD_IN_USE = Gauge("bulkhead_in_use", "places taken", ["name"])
BULKHEAD_WAITING = Gauge("bulkhead_waiting", "calls waiting for a place", ["name"])

_GUARD_GAUGES = {
    "breaker_state": BREAKER_STATE,
    "bulkhead_in_use": BULKHEAD_IN_USE,
    "bulkhead_waiting": BULKHEAD_WAITING,
}


def observe(event: Event) -> None:
    """Counts what a guard did: pass it to chassis.resilience as `on_event`."""
    if event.kind in GAUGES:
        _GUARD_GAUGES[event.kind].labels(event.name).set(event.value)
    else:
        GUARD_EVENTS.labels(event.name, event.kind).inc(event.value)


def exposition() -> bytes:
    """All metrics of this process in Prometheus' text format."""
    return generate_latest()
