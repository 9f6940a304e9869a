from typing import Any

import pytest

from gamedays.checkers.refusals import refusals
from gamedays.history import Record
from tests.unit.gamedays.script import call, history

check = refusals("order", 2.0)


def refused(key: str, seconds: float, **more: Any) -> list[Record]:
    return call("order", key, 50.0, 50.0 + seconds, "info", answered={"status": 503, **more})


def test_a_refusal_in_time_that_says_when_to_come_back_is_valid() -> None:
    verdict = check(history(refused("k1", 0.8, retry_after=1.0), refused("k2", 1.5, retry_after=1)))
    assert verdict.valid, verdict.detail
    assert verdict.figures == {"slowest_s": 1.5, "refused": 2}
    assert check(history()).valid


def test_one_that_is_late_is_a_finding() -> None:
    verdict = check(history(refused("k1", 2.1, retry_after=1.0)))
    assert verdict.valid is False
    assert "a 503 to order took 2.10 s; bound 2 s" in verdict.detail


def test_one_that_does_not_say_when_to_come_back_is_a_finding() -> None:
    verdict = check(
        history(refused("k1", 0.8, retry_after=1.0), refused("k2", 0.8, retry_after=None))
    )
    assert verdict.valid is False
    assert "1 of 2 503s did not say when to come back" in verdict.detail


def test_a_history_that_does_not_know_says_nothing() -> None:
    assert check(history(refused("k1", 0.8))).valid


@pytest.mark.parametrize(
    "answered", [{"status": 504}, {"status": 0, "error": "TimeoutError"}, None]
)
def test_other_answers_are_no_refusals(answered: Any) -> None:
    late = call("order", "k1", 50.0, 60.0, "info", answered=answered)
    dead = call("order", "k2", 50.0, None)
    verdict = check(history(late, dead, call("order", "k3", 50.0, 60.0)))
    assert verdict.figures == {"slowest_s": 0.0, "refused": 0}
