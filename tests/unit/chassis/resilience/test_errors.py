from __future__ import annotations

import pybreaker
import pytest

from chassis.resilience import (
    BreakerOpen,
    BulkheadFull,
    CircuitBreakerError,
    DeadlineExceeded,
    ResilienceError,
)


@pytest.mark.parametrize("kind", [DeadlineExceeded, BulkheadFull, BreakerOpen])
def test_every_refusal_says_why_and_when_to_come_back(kind: type[ResilienceError]) -> None:
    error = kind("too much", retry_after=2.5)
    assert isinstance(error, ResilienceError)
    assert str(error) == "too much"
    assert error.retry_after == 2.5
    assert kind("nobody can know").retry_after is None


def test_who_knows_pybreaker_catches_its_error() -> None:
    assert issubclass(BreakerOpen, pybreaker.CircuitBreakerError)
    assert CircuitBreakerError is pybreaker.CircuitBreakerError


def test_a_missed_deadline_is_a_timeout() -> None:
    assert issubclass(DeadlineExceeded, TimeoutError)
