import uuid

import orjson
import pytest

from chassis.bus.event import Event
from services.payments.decisions import (
    Charge,
    Verdict,
    payment_decided,
    read_answer,
    read_order,
)
from services.payments.errors import AcquirerAway, ChargeRefused

ORDER = "7f0c3f0e-52b8-4c2f-9a39-0f6f3f1d2a11"
PLACED = {
    "order_id": ORDER,
    "account_id": str(uuid.UUID(int=5)),
    "show_id": 17,
    "seats": [1, 2],
    "amount": 4200,
    "currency": "EUR",
    "card": "tok_ok",
}


def placed(**changes: object) -> Event:
    return Event.about(ORDER, "OrderPlaced", "17", PLACED | changes)


def charge() -> Charge:
    found = read_order(placed())
    assert found is not None
    return found


def test_an_order_placed_is_a_charge_with_the_orders_id_as_key() -> None:
    asked = charge()

    assert asked.key == ORDER
    assert orjson.loads(asked.body()) == {
        "reference": ORDER,
        "amount": 4200,
        "currency": "EUR",
        "card": "tok_ok",
    }


@pytest.mark.parametrize("kind", ["OrderConfirmed", "OrderDeclined", "SomethingNew"])
def test_other_events_ask_for_no_charge(kind: str) -> None:
    assert read_order(Event.about(ORDER, kind, "17", {})) is None


@pytest.mark.parametrize("gone", ["order_id", "show_id", "amount", "currency", "card"])
def test_an_order_that_lacks_something_cannot_be_paid(gone: str) -> None:
    data = {k: v for k, v in PLACED.items() if k != gone}
    with pytest.raises(ValueError, match=gone):
        read_order(Event.about(ORDER, "OrderPlaced", "17", data))


@pytest.mark.parametrize(
    "bad", [{"amount": 0}, {"amount": -5}, {"order_id": "x"}, {"currency": "EURO"}, {"card": ""}]
)
def test_an_order_that_makes_no_sense_cannot_be_paid(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        read_order(placed(**bad))


@pytest.mark.parametrize(("status", "captured"), [("captured", True), ("declined", False)])
@pytest.mark.parametrize("code", [200, 201])
def test_a_verdict_is_the_same_the_first_time_and_on_replay(
    code: int, status: str, captured: bool
) -> None:
    body = orjson.dumps({"id": "ch_1", "status": status, "more": 1})

    assert read_answer(code, body) == Verdict("ch_1", captured)


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_charge_it_makes_no_sense_of_is_refused_for_good(code: int) -> None:
    with pytest.raises(ChargeRefused, match=f"{code}.*no such currency"):
        read_answer(code, b"no such currency")


@pytest.mark.parametrize("code", [204, 302, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504])
def test_any_other_answer_is_none(code: int) -> None:
    with pytest.raises(AcquirerAway, match=str(code)) as error:
        read_answer(code, b"")
    assert error.value.retry_after is None


@pytest.mark.parametrize(("header", "seconds"), [("2", 2.0), ("soon", None), ("²", None)])
def test_when_to_come_back_is_taken_over(header: str, seconds: float | None) -> None:
    with pytest.raises(AcquirerAway) as error:
        read_answer(503, b"", header)
    assert error.value.retry_after == seconds


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"id": "1", "status": "maybe"}'])
def test_an_answer_that_cannot_be_read_is_none(body: bytes) -> None:
    with pytest.raises(AcquirerAway):
        read_answer(200, body)


def test_a_capture_is_told() -> None:
    event = payment_decided(charge(), Verdict("ch_1", captured=True))

    assert (event.type, event.key) == ("PaymentCaptured", "17")
    assert event.id == str(uuid.uuid5(uuid.UUID(ORDER), "PaymentCaptured"))
    assert event.data == {
        "order_id": ORDER,
        "show_id": 17,
        "amount": 4200,
        "currency": "EUR",
        "acquirer_reference": "ch_1",
    }


def test_a_decline_is_told_with_its_reason() -> None:
    event = payment_decided(charge(), Verdict("ch_1", captured=False))

    assert (event.type, event.key) == ("PaymentDeclined", "17")
    assert event.data == {"order_id": ORDER, "show_id": 17, "reason": "card-declined"}
