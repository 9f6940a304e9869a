import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.bus.event import Event
from chassis.problems import InvalidRequest
from services.orders.decisions import (
    Order,
    Place,
    PlaceOrder,
    check_key,
    check_same_request,
    order_decided,
    order_placed,
    read_payments,
)
from services.orders.errors import KeyMissing, KeyReused

COMMAND = PlaceOrder(
    order_id=str(uuid.uuid4()),
    account_id=str(uuid.uuid4()),
    key="k-1",
    show_id=7,
    seats=2,
    card="tok_ok",
    amount=9000,
    currency="EUR",
)
ORDER = Order(
    id=COMMAND.order_id,
    account_id=COMMAND.account_id,
    show_id=7,
    status="confirmed",
    seats=[3, 4],
    amount=9000,
    currency="EUR",
    created_at=datetime(2026, 5, 1, 20, 0, tzinfo=UTC),
)


@pytest.mark.parametrize("key", ["a", '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "x" * 255])
def test_a_key_is_visible_ascii(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", [None, "", " ", "a b", "x" * 256, "schlüssel", "a\n"])
def test_anything_else_is_no_key(key: str | None) -> None:
    with pytest.raises(KeyMissing) as caught:
        check_key(key)
    assert caught.value.status == 400


def test_the_same_request_has_the_same_fingerprint_whoever_takes_it() -> None:
    again = replace(COMMAND, order_id=str(uuid.uuid4()))
    check_same_request(again, COMMAND.fingerprint)


@pytest.mark.parametrize(
    "other",
    [
        replace(COMMAND, show_id=8),
        replace(COMMAND, seats=3),
        replace(COMMAND, card="tok_slow"),
        replace(COMMAND, show_id=72, seats=1),
    ],
)
def test_another_request_with_the_key_is_refused(other: PlaceOrder) -> None:
    with pytest.raises(KeyReused):
        check_same_request(other, COMMAND.fingerprint)


def test_an_event_told_again_is_the_same_event() -> None:
    first, again = order_placed(COMMAND, [3, 4]), order_placed(COMMAND, [3, 4])
    assert first.id == again.id
    assert first.key == "7"
    assert first.data["seats"] == [3, 4]


def test_the_two_ends_of_an_order_are_different_events() -> None:
    confirmed = order_decided(ORDER, None)
    declined = order_decided(replace(ORDER, status="declined"), "card declined")
    assert (confirmed.type, declined.type) == ("OrderConfirmed", "OrderDeclined")
    assert confirmed.id != declined.id
    assert declined.data["reason"] == "card declined"


def test_payments_are_sorted_and_strangers_left_alone() -> None:
    paid, refused = uuid.uuid4(), uuid.uuid4()
    decisions = read_payments(
        [
            Event.about(str(paid), "PaymentCaptured", "7", {"order_id": str(paid)}),
            Event.about(
                str(refused), "PaymentDeclined", "7", {"order_id": str(refused), "reason": "no"}
            ),
            Event.about(str(paid), "PaymentRefunded", "7", {"order_id": str(paid)}),
        ]
    )
    assert decisions.captured == [paid]
    assert decisions.declined == {refused: "no"}


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_is_a_place_to_the_microsecond(created_at: datetime, order_id: uuid.UUID) -> None:
    place = Place(created_at, order_id)
    assert Place.decode(place.encode()) == place


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        str(uuid.UUID(int=7)),
        "A" * 31,
        "A" * 33,
        "f" * 32,
        "A" * 30 + "==",
        "\x00" * 32,
        "\u00e9" * 32,
    ],
)
def test_what_is_no_cursor_is_a_bad_field(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        Place.decode(cursor)
    assert [error.field for error in raised.value.errors] == ["cursor"]
