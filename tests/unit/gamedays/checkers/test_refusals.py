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


OTHERS = [{"status": 504}, {"status": 0, "error": "TimeoutError"}, None]


@pytest.mark.parametrize("answered", OTHERS)
def test_other_answers_are_no_refusals(answered: Any) -> None:
    early = call("order", "k1", 50.0, 51.0, "info", answered=answered)
    verdict = check(history(early, call("order", "k3", 50.0, 60.0)))
    assert verdict.valid
    assert verdict.figures == {"slowest_s": 0.0, "refused": 0}


@pytest.mark.parametrize("answered", OTHERS)
def test_who_is_left_to_hang_was_not_refused_in_time(answered: Any) -> None:
    verdict = check(history(call("order", "k1", 50.0, 60.0, "info", answered=answered)))
    assert verdict.valid is False
    assert verdict.detail == "1 waited up to 10.00 s for no answer"
    assert check(history(call("order", "k1", 50.0, None))).valid is False


def test_a_second_try_that_meets_the_first_one_is_no_error() -> None:
    running = call("order", "k1", 50.0, 53.0, "info", answered={"status": 409})
    assert check(history(running)).valid
