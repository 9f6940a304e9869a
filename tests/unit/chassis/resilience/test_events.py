from __future__ import annotations

import logging

import pytest

from chassis.resilience import Event
from chassis.resilience.events import emit


def test_the_observer_is_told() -> None:
    seen: list[Event] = []
    emit(seen.append, "acquirer", "retry")
    emit(seen.append, "acquirer", "bulkhead_in_use", 7)
    assert seen == [Event("acquirer", "retry", 1), Event("acquirer", "bulkhead_in_use", 7)]


def test_without_an_observer_nothing_happens() -> None:
    emit(None, "acquirer", "retry")


def test_an_observer_that_fails_is_logged_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: Event) -> None:
        raise RuntimeError("no room for another label")

    with caplog.at_level(logging.ERROR):
        emit(broken, "acquirer", "retry")
    assert "an observer of acquirer failed" in caplog.text
