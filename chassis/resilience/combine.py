"""All guards around one dependency, in the one order in which they do not undo each other.

    deadline ─ bulkhead ─ retry ─ breaker ─ attempt's own time ─ the call

- The deadline is over all: waiting for a place and pausing between attempts spend it as well.
- The bulkhead is outside the retry: a call holds one place for all its attempts, so a failing
  peer's retries cannot take more of the process than the limit says.
- The retry is outside the breaker: each attempt is judged, and asks anew, so that the attempts
  stop the moment the breaker opens. The other way round the breaker would see one failure where
  the peer saw three calls.
- An attempt's own time is inside the breaker: a peer that hangs must count as failed. When the
  deadline cuts off instead, the breaker sees a cancellation, which says little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from chassis.resilience.breaker import CircuitBreaker
from chassis.resilience.bulkhead import Bulkhead
from chassis.resilience.deadline import Deadline, current_deadline
from chassis.resilience.errors import DeadlineExceeded
from chassis.resilience.events import Observer, emit
from chassis.resilience.retry import Retry

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """`await guard(call, *args)`. What is left out is not applied.

    Attributes:
        name: of the dependency, for the observer.
        seconds: for everything together; a current deadline that is earlier wins.
        attempt_seconds: for one attempt; when they are over it has failed with TimeoutError.
        bulkhead: how many at a time.
        retry: how often, and within which budget.
        breaker: whether at all.
        on_event: told each deadline exceeded.
    """

    name: str
    seconds: float | None = None
    attempt_seconds: float | None = None
    bulkhead: Bulkhead | None = None
    retry: Retry | None = None
    breaker: CircuitBreaker | None = None
    on_event: Observer | None = None

    async def __call__(self, fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls `fn` behind all guards.

        Raises:
            DeadlineExceeded: `seconds`, or the current deadline, were over.
            BulkheadFull: no place; nothing was called.
            BreakerOpen: held back, before the first attempt or after a failed one.
            Exception: the last attempt's failure.
        """

        async def attempt() -> T:
            async with AsyncExitStack() as inner:
                if self.breaker is not None:
                    await inner.enter_async_context(self.breaker.guard())
                if self.attempt_seconds is not None:
                    await inner.enter_async_context(asyncio.timeout(self.attempt_seconds))
                return await fn(*args, **kwargs)

        seconds = self.seconds
        deadline = current_deadline.get() if seconds is None else Deadline.after(seconds)
        try:
            async with AsyncExitStack() as outer:
                if deadline is not None:
                    await outer.enter_async_context(deadline.enforce())
                if self.bulkhead is not None:
                    await outer.enter_async_context(self.bulkhead)
                return await (attempt() if self.retry is None else self.retry(attempt))
        except DeadlineExceeded:
            emit(self.on_event, self.name, "deadline_exceeded")
            raise
