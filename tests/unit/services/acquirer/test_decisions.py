from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from services.acquirer.decisions import (
    Charge,
    ChargeRequest,
    Knobs,
    Mishap,
    check_key,
    check_same,
    make_plan,
    verdict,
)
from services.acquirer.errors import KeyMissing, KeyReused

REQUEST = ChargeRequest(reference="order", amount=4200, currency="EUR", card="tok_ok")


def draws(*numbers: float) -> Callable[[], float]:
    """Latency, hang?, error?, early? in that order; the third is not drawn for one that hangs."""
    return iter(numbers).__next__


@pytest.mark.parametrize(
    ("card", "status"),
    [
        ("tok_ok", "captured"),
        ("tok_slow", "captured"),
        ("tok_declined", "declined"),
        ("tok_OK", "declined"),
        ("4242424242424242", "declined"),
    ],
)
def test_verdict(card: str, status: str) -> None:
    assert verdict(card) == status


@pytest.mark.parametrize("key", ["a", "!~", "k" * 255])
def test_a_key_is_visible_ascii(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", [None, "", "a b", "a\n", "ü", "k" * 256])
def test_what_cannot_be_a_key(key: str | None) -> None:
    with pytest.raises(KeyMissing):
        check_key(key)


@pytest.mark.parametrize(
    "change", [{"reference": "x"}, {"amount": 1}, {"currency": "USD"}, {"card": "tok_slow"}]
)
def test_a_key_comes_with_the_same_charge_only(change: dict[str, object]) -> None:
    charge = Charge("k", "id", REQUEST, "captured", datetime.now(UTC))
    check_same(charge, REQUEST.model_copy())

    with pytest.raises(KeyReused):
        check_same(charge, REQUEST.model_copy(update=change))


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 1.5},
        {"amount": "5"},
        {"amount": True},
        {"amount": 10**12 + 1},
        {"currency": "eur"},
        {"currency": "EUR\n"},
        {"reference": ""},
        {"reference": "order\x00"},
        {"card": ""},
        {"card": "\x00tok_ok"},
        {"tip": 5},
    ],
)
def test_charges_that_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ChargeRequest.model_validate(REQUEST.model_dump() | change)


@pytest.mark.parametrize(
    "bad",
    [
        {"latency_ms": -1},
        {"latency_ms": 60_001},
        {"jitter_ms": -1},
        {"error_rate": 1.1},
        {"error_rate": -0.1},
        {"error_rate": float("nan")},
        {"hang_rate": 2},
        {"hang_rate": "1"},
        {"speed": 1},
    ],
)
def test_knobs_that_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Knobs.model_validate(bad)


def test_no_knob_given_is_the_default() -> None:
    assert Knobs.model_validate({}) == Knobs()
    assert Knobs(error_rate=1).latency_ms == Knobs().latency_ms


@pytest.mark.parametrize(
    ("drawn", "seconds"), [(0.0, 0.02), (0.5, 0.04), (1.0, 0.06)], ids=["least", "mean", "most"]
)
def test_latency_is_around_its_mean_half_before_the_effect(drawn: float, seconds: float) -> None:
    plan = make_plan(Knobs(error_rate=0), "tok_ok", draws(drawn, 0.9, 0.9, 0.9))

    assert plan.half_seconds == pytest.approx(seconds / 2)


def test_latency_is_never_negative() -> None:
    plan = make_plan(Knobs(latency_ms=0, jitter_ms=100), "tok_ok", draws(0.0, 0.9, 0.9, 0.9))

    assert plan.half_seconds == 0


def test_the_slow_card_takes_three_seconds_more() -> None:
    plan = make_plan(Knobs(), "tok_slow", draws(0.5, 0.9, 0.9, 0.9))

    assert plan.half_seconds * 2 == pytest.approx(3.04)


@pytest.mark.parametrize(
    ("rolls", "before", "after"),
    [
        ((0.5, 0.5, 0.5, 0.4), Mishap.NONE, Mishap.NONE),
        ((0.5, 0.5, 0.2, 0.4), Mishap.ERROR, Mishap.NONE),
        ((0.5, 0.5, 0.2, 0.6), Mishap.NONE, Mishap.ERROR),
        ((0.5, 0.1, 0.4), Mishap.HANG, Mishap.NONE),
        ((0.5, 0.1, 0.6), Mishap.NONE, Mishap.HANG),
    ],
)
def test_mishaps_strike_before_or_after_the_effect(
    rolls: tuple[float, ...], before: Mishap, after: Mishap
) -> None:
    plan = make_plan(Knobs(error_rate=0.3, hang_rate=0.2), "tok_ok", draws(*rolls))

    assert (plan.before, plan.after) == (before, after)


@pytest.mark.parametrize("roll", [0.0, 0.5, 0.999999])
@pytest.mark.parametrize("rate", ["error_rate", "hang_rate"])
def test_a_rate_of_one_is_always_and_of_zero_never(rate: str, roll: float) -> None:
    always = make_plan(Knobs(**{"error_rate": 0, rate: 1}), "tok_ok", draws(*[roll] * 4))
    never = make_plan(Knobs(error_rate=0), "tok_ok", draws(*[roll] * 4))

    assert {always.before, always.after} != {Mishap.NONE}
    assert {never.before, never.after} == {Mishap.NONE}
