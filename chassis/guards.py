"""A guard around one dependency, all parts in place, telling the metrics what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chassis.metrics import observe
from chassis.resilience import BreakerPolicy, Bulkhead, CircuitBreaker, Guard, Retry


def guard(
    name: str,
    *,
    seconds: float,
    limit: int,
    queue: int = 0,
    attempts: int = 3,
    retry_on: tuple[type[Exception], ...],
    answers: Iterable[type[Exception] | Callable[[Any], bool]] = (),
    policy: BreakerPolicy | None = None,
    attempt_seconds: float | None = None,
) -> Guard:
    """Deadline, bulkhead, retry with a budget, breaker: in this order around each call.

    Args:
        name: of the dependency, a label of its metrics.
        seconds: for a call with all its attempts.
        limit: calls at a time.
        queue: calls that may wait for a place.
        attempts: at most, the first included; retries are 20 % of the calls (RetryBudget).
        retry_on: failures worth another attempt. Only for what may run twice.
        answers: errors that are the peer's word, not its failure: the breaker counts them as good.
        policy: when the breaker opens and closes.
        attempt_seconds: for one attempt; None where the call sets its own.
    """
    return Guard(
        name=name,
        seconds=seconds,
        attempt_seconds=attempt_seconds,
        bulkhead=Bulkhead(limit, queue, name=name, on_event=observe),
        retry=Retry(attempts=attempts, retry_on=retry_on, name=name, on_event=observe),
        breaker=CircuitBreaker(name, policy, exclude=answers, on_event=observe),
        on_event=observe,
    )
