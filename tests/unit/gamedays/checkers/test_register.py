import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamedays.checkers.register import MOST_OPERATIONS, Step, is_linearizable, linearizable
from gamedays.history import Record, Type
from tests.unit.gamedays.script import call, history

check = linearizable("session")


def write(begin: float, end: float, value: str) -> Step:
    return Step(begin, end, True, value)


def read(begin: float, end: float, value: str | None) -> Step:
    return Step(begin, end, False, value)


GOOD = [
    [],
    [read(0, 1, None), write(2, 3, "a"), read(4, 5, "a")],
    [write(0, 9, "a"), read(1, 2, None), read(3, 4, "a")],  # while it is written: both
    [write(0, 5, "a"), write(1, 4, "b"), read(6, 7, "a")],  # either may have been the last
    [write(0, 5, "a"), write(1, 4, "b"), read(6, 7, "b")],
    [write(0, 1, "a"), write(2, math.inf, "b"), read(3, 4, "a"), read(8, 9, "b")],  # late effect
    [write(0, 1, "a"), write(2, math.inf, "b"), read(3, 4, "a")],  # none at all
    [write(0, 1, "a"), read(1, 2, None)],  # ends as the other begins: together
]
BAD = [
    [read(0, 1, "a")],  # never written
    [write(0, 1, "a"), read(2, 3, None)],  # lost
    [write(0, 1, "a"), write(2, 3, "b"), read(4, 5, "a")],  # stale
    [write(0, 9, "a"), read(1, 2, "a"), read(3, 4, None)],  # there, then not
    [write(0, 5, "a"), write(1, 4, "b"), read(6, 7, "a"), read(8, 9, "b")],  # and back again
    [write(5, math.inf, "a"), read(1, 2, "a")],  # before it was asked for
    [write(0, 1, "a"), write(2, math.inf, "b"), read(3, 4, "b"), read(5, 6, "a")],
]


@pytest.mark.parametrize("steps", GOOD)
def test_what_one_copy_could_have_answered(steps: list[Step]) -> None:
    assert is_linearizable(steps) is True


@pytest.mark.parametrize("steps", BAD)
def test_what_no_single_copy_answers(steps: list[Step]) -> None:
    assert is_linearizable(steps) is False


def brute_force(steps: list[Step]) -> bool:
    """Tries every order of every choice of the unknown writes."""
    known = [s for s in steps if s.end != math.inf]
    unknown = [s for s in steps if s.end == math.inf]
    return any(
        _explains(order)
        for n in range(len(unknown) + 1)
        for chosen in itertools.combinations(unknown, n)
        for order in itertools.permutations([*known, *chosen])
    )


def _explains(order: tuple[Step, ...]) -> bool:
    value: str | None = None
    for i, step in enumerate(order):
        if any(later.end < step.begin for later in order[i + 1 :]):
            return False
        if step.write:
            value = step.value
        elif step.value != value:
            return False
    return True


@st.composite
def tiny_histories(draw: st.DrawFn) -> list[Step]:
    steps: list[Step] = []
    values = "abc"[: draw(st.integers(0, 3))]
    for value in values:
        begin = draw(st.integers(0, 8))
        end = draw(st.one_of(st.just(math.inf), st.integers(begin, 9)))
        steps.append(write(begin, end, value))
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, 8))
        seen = draw(st.sampled_from([None, *values]))
        steps.append(read(begin, draw(st.integers(begin, 9)), seen))
    return steps


@settings(max_examples=400)
@given(tiny_histories())
def test_it_says_what_trying_everything_says(steps: list[Step]) -> None:
    assert is_linearizable(steps) is brute_force(steps)


def busy(processes: int, rounds: int) -> list[Step]:
    """All write at once and then all read, again and again: the longest search that we know."""
    steps: list[Step] = []
    for r in range(rounds):
        at = r * 10.0
        steps += [write(at + i / 100, at + 4, f"{r}-{i}") for i in range(processes)]
        steps += [read(at + 5 + i / 100, at + 9, f"{r}-{processes - 1}") for i in range(processes)]
    return steps


def test_two_hundred_operations_of_eight_processes_are_searched() -> None:
    steps = busy(8, 12)
    assert len(steps) > 190
    assert is_linearizable(steps) is True
    assert is_linearizable([*steps, read(1000, 1001, "0-1")]) is False


def test_a_search_that_is_given_up_is_neither() -> None:
    assert is_linearizable(busy(8, 4), most_states=100) is None
    assert is_linearizable([read(i, i + 0.5, None) for i in range(MOST_OPERATIONS + 1)]) is None


def register(
    f: str, value: str | None, begin: float, outcome: Type = "ok", *, key: str = "k"
) -> list[Record]:
    asked: dict[str, Any] = {"f": f} if f == "read" else {"f": f, "value": value}
    return call("session", key, begin, begin + 0.5, outcome, asked=asked, answered={"value": value})


def test_each_key_is_a_register_of_its_own() -> None:
    good = history(
        register("write", "open", 1),
        register("read", "open", 3),
        register("write", "open", 1, key="other"),
        register("read", "open", 3, key="other"),
    )
    assert check(good).valid
    stale = register("read", None, 5, key="other")
    broken = history(*([r] for r in good.records), stale)
    verdict = check(broken)
    assert verdict.valid is False
    assert verdict.detail == "no order explains what was read of other"


def test_a_write_that_failed_did_not_happen() -> None:
    seen = register("read", "closed", 3)
    assert check(history(register("write", "closed", 1, "info"), seen)).valid
    assert check(history(register("write", "closed", 1, "fail"), seen)).valid is False


def test_a_read_without_an_answer_saw_nothing() -> None:
    good = register("read", None, 0)
    for outcome in ("info", "fail"):
        nothing = call("session", "k", 5, 6, outcome, asked={"f": "read"})
        assert check(history(good, register("write", "a", 2), nothing)).valid


def test_too_many_operations_are_unknown_and_no_pass() -> None:
    many = [register("read", None, float(i)) for i in range(MOST_OPERATIONS + 1)]
    verdict = check(history(*many))
    assert verdict.valid is None
    assert "unknown" in verdict.detail


def test_registers_that_nobody_read_show_nothing() -> None:
    assert check(history(register("write", "a", 1))).valid is False


def test_a_write_without_an_answer_has_the_name_that_the_server_gave_it() -> None:
    asked = {"f": "write", "value": "key"}
    given_up = call("session", "k", 1.0, 2.0, "info", asked=asked)
    seen = register("read", "order", 3)
    named = linearizable("session", lambda _: {"key": "order"})
    assert named(history(given_up, seen)).valid
    assert named(history(given_up, seen, register("read", None, 5))).valid is False
    assert linearizable("session", lambda _: {})(history(given_up, seen)).valid is False
