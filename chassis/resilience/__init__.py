"""Living with peers that are slow, failing or gone: a small library, each part usable alone.

    breaker = CircuitBreaker("acquirer", BreakerPolicy(slow_call_seconds=1.0))
    places = Bulkhead(20, queue=40, name="acquirer")
    acquirer = Guard(name="acquirer", seconds=5.0, attempt_seconds=2.0,
                     bulkhead=places, retry=Retry(name="acquirer"), breaker=breaker)
    receipt = await acquirer(client.charge, order)  # or BreakerOpen, BulkheadFull, ...

Parts: `Deadline` (until when), `Bulkhead` (how many at a time), `Retry` with `RetryBudget` (how
often), `CircuitBreaker` (whether at all), `Guard` (all of them in the right order). Errors are in
`errors`, what an `on_event` callback is told in `events`. Built on tenacity and pybreaker.
"""

from pybreaker import CircuitBreakerError, CircuitBreakerListener

from chassis.resilience.breaker import CircuitBreaker
from chassis.resilience.budget import RetryBudget
from chassis.resilience.bulkhead import Bulkhead
from chassis.resilience.circuit import BreakerPolicy
from chassis.resilience.combine import Guard
from chassis.resilience.deadline import HEADER, Deadline, current_deadline, remaining_or
from chassis.resilience.errors import (
    BreakerOpen,
    BulkheadFull,
    DeadlineExceeded,
    ResilienceError,
)
from chassis.resilience.events import GAUGES, Event, Observer
from chassis.resilience.retry import Retry

__all__ = [
    "GAUGES",
    "HEADER",
    "BreakerOpen",
    "BreakerPolicy",
    "Bulkhead",
    "BulkheadFull",
    "CircuitBreaker",
    "CircuitBreakerError",
    "CircuitBreakerListener",
    "Deadline",
    "DeadlineExceeded",
    "Event",
    "Guard",
    "Observer",
    "ResilienceError",
    "Retry",
    "RetryBudget",
    "current_deadline",
    "remaining_or",
]
