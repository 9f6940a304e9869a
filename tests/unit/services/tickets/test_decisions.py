import uuid

import orjson
import pytest

from chassis.bus.event import Event
from services.tickets.codes import Signer
from services.tickets.decisions import (
    ConfirmedOrder,
    confirmations,
    issues,
    read_order_answer,
    read_orders,
)

ORDER = ConfirmedOrder(uuid.uuid4(), uuid.uuid4(), show_id=9, seats=(12, 4))


def event(kind: str, **data: object) -> Event:
    about = {
        "order_id": str(ORDER.order_id),
        "account_id": str(ORDER.account_id),
        "show_id": ORDER.show_id,
        "seats": list(ORDER.seats),
    }
    return Event.about(str(ORDER.order_id), kind, "9", about | data)


def answer(status: str) -> bytes:
    return orjson.dumps(
        {
            "id": str(ORDER.order_id),
            "show_id": ORDER.show_id,
            "status": status,
            "seats": list(ORDER.seats),
            "total": {"amount": 9000, "currency": "EUR"},
            "created_at": "2026-05-01T20:00:00Z",
        }
    )


def test_only_confirmed_orders_are_read() -> None:
    events = [event("OrderPlaced"), event("OrderConfirmed"), event("OrderDeclined")]

    assert read_orders(confirmations(events)) == [ORDER]


@pytest.mark.parametrize("bad", [{"order_id": "x"}, {"seats": None}, {"show_id": "?"}])
def test_an_order_that_cannot_be_read_is_an_error(bad: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_orders([event("OrderConfirmed", **bad)])


def test_what_orders_answers_is_the_same_order_as_in_the_event() -> None:
    assert read_order_answer(answer("confirmed"), ORDER.account_id) == ORDER


@pytest.mark.parametrize("status", ["pending", "declined"])
def test_an_order_that_is_not_confirmed_has_no_tickets(status: str) -> None:
    assert read_order_answer(answer(status), ORDER.account_id) is None


def test_there_is_one_ticket_a_seat_in_the_order_of_seats() -> None:
    signer = Signer(bytes(32))
    issued = issues([ORDER], signer)

    assert [i.ticket.seat for i in issued] == [4, 12]
    assert {i.account_id for i in issued} == {ORDER.account_id}
    assert [signer.verifier.read(i.code) for i in issued] == [i.ticket for i in issued]


def test_issuing_again_gives_the_same_tickets() -> None:
    assert issues([ORDER], Signer(bytes(32))) == issues([ORDER], Signer(bytes(32)))
