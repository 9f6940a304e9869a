"""What a guard says when it does not let a call through, or not to its end.

ResilienceError
├── DeadlineExceeded   the time there was is used up      (also a TimeoutError)
├── BulkheadFull       too many are inside or waiting
└── BreakerOpen        the peer failed too often lately   (also pybreaker's CircuitBreakerError)

A refused retry has no error of its own: the caller gets the failure that was not retried.
"""

from __future__ import annotations

import pybreaker


class ResilienceError(Exception):
    """Base of all. `retry_after` is in seconds: when to come back, None where nobody can know."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(ResilienceError, TimeoutError):
    """The deadline passed before the work was done. Whether it had an effect is not known."""


class BulkheadFull(ResilienceError):
    """No place came free in time. The work was not begun."""


class BreakerOpen(ResilienceError, pybreaker.CircuitBreakerError):
    """The breaker refused the call. The work was not begun."""
