"""What tickets decides, without asking anybody."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from chassis.bus.event import Event
from services.tickets.codes import Signer, Ticket


@dataclass(frozen=True, slots=True)
class ConfirmedOrder:
    """An order that is paid, so that its tickets can be issued."""

    order_id: uuid.UUID
    account_id: uuid.UUID
    show_id: int
    seats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Issue:
    """A ticket to be stored: whose it is, what it is for, its code."""

    account_id: uuid.UUID
    ticket: Ticket
    code: str


def confirmations(events: Iterable[Event]) -> list[Event]:
    """Those events that tickets are issued for."""
    return [event for event in events if event.type == "OrderConfirmed"]


def read_orders(events: Iterable[Event]) -> list[ConfirmedOrder]:
    """The orders of `confirmations`.

    Raises:
        KeyError, TypeError, ValueError: an event lacks what it must say.
    """
    return [
        ConfirmedOrder(
            uuid.UUID(event.data["order_id"]),
            uuid.UUID(event.data["account_id"]),
            int(event.data["show_id"]),
            tuple(map(int, event.data["seats"])),
        )
        for event in events
    ]


def read_order_answer(body: bytes, account_id: uuid.UUID) -> ConfirmedOrder | None:
    """The order that orders answered to its account, if it is confirmed."""
    fields: dict[str, Any] = orjson.loads(body)
    if fields["status"] != "confirmed":
        return None
    return ConfirmedOrder(
        uuid.UUID(fields["id"]),
        account_id,
        int(fields["show_id"]),
        tuple(map(int, fields["seats"])),
    )


def issues(orders: Iterable[ConfirmedOrder], signer: Signer) -> list[Issue]:
    """The tickets of orders: one a seat, and the same ones each time."""
    tickets = [
        (order.account_id, Ticket(order.order_id, order.show_id, seat))
        for order in orders
        for seat in sorted(order.seats)
    ]
    return [Issue(account, ticket, signer.code(ticket)) for account, ticket in tickets]
