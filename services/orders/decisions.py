"""What orders decides, without asking anybody."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.bus.event import Event
from chassis.problems import FieldError, InvalidRequest
from services.orders.errors import KeyMissing, KeyReused

MOST_SEATS = 10

# Visible ASCII, as a header value; a structured string's quotes (IETF draft) are part of the key.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

# Microseconds since 1970, as exact as Postgres is, and the order's id: 32 characters of base64url.
_PLACE = struct.Struct(">q16s")
_CURSOR_CHARS = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """The command, checked: an account wants `seats` seats of a show and pays by `card`."""

    order_id: str
    account_id: str
    key: str
    show_id: int
    seats: int
    card: str
    amount: int
    currency: str

    @property
    def fingerprint(self) -> bytes:
        """What must be the same when the key comes again: all that the caller chose."""
        return hashlib.sha256(f"{self.show_id}\n{self.seats}\n{self.card}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands."""

    id: str
    account_id: str
    show_id: int
    status: str
    seats: list[int]
    amount: int
    currency: str
    created_at: datetime

    def answer(self) -> dict[str, Any]:
        """As the API shows it; `total` is in minor units (cents)."""
        return {
            "id": self.id,
            "show_id": self.show_id,
            "status": self.status,
            "seats": self.seats,
            "total": {"amount": self.amount, "currency": self.currency},
            "created_at": self.created_at.isoformat(timespec="milliseconds"),
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order stands among its account's, which are listed newest first.

    The cursor says all of it: whoever reads on where things are a moment older need not know the
    order that the last page ended with.
    """

    created_at: datetime
    order_id: uuid.UUID

    @classmethod
    def of(cls, order: Order) -> Place:
        """The place of `order`."""
        return cls(order.created_at, uuid.UUID(order.id))

    @classmethod
    def decode(cls, cursor: str) -> Place:
        """Reads what `encode` made.

        Raises:
            InvalidRequest: it is not one of ours.
        """
        try:
            if len(cursor) != _CURSOR_CHARS:
                raise ValueError  # noqa: TRY301 - the one answer to all that is wrong with it
            read = base64.b64decode(cursor, altchars=b"-_", validate=True)
            microseconds, order_id = _PLACE.unpack(read)
            return cls(_EPOCH + microseconds * _MICROSECOND, uuid.UUID(bytes=order_id))
        except (ValueError, OverflowError, binascii.Error, struct.error):
            wrong = FieldError("cursor", "use next_cursor of the page before")
            raise InvalidRequest(errors=(wrong,)) from None

    def encode(self) -> str:
        """As a cursor, in a form that nobody should take apart."""
        microseconds = (self.created_at - _EPOCH) // _MICROSECOND
        return base64.urlsafe_b64encode(_PLACE.pack(microseconds, self.order_id.bytes)).decode()


def check_key(given: str | None) -> str:
    """The Idempotency-Key, if it can be one.

    Raises:
        KeyMissing: absent, empty, over 255 characters, or with characters that are not visible.
    """
    if given is None:
        raise KeyMissing
    if not _KEY.fullmatch(given):
        raise KeyMissing("An Idempotency-Key is 1 to 255 visible ASCII characters, without spaces")
    return given


def check_same_request(command: PlaceOrder, known_fingerprint: bytes) -> None:
    """The key is known: it may only come with the request that it came with first.

    Raises:
        KeyReused: it came with another.
    """
    if command.fingerprint != known_fingerprint:
        raise KeyReused


def order_placed(command: PlaceOrder, seats: list[int]) -> Event:
    """The event that the order is there and wants to be paid."""
    return Event.about(
        command.order_id,
        "OrderPlaced",
        str(command.show_id),
        {
            "order_id": command.order_id,
            "account_id": command.account_id,
            "show_id": command.show_id,
            "seats": seats,
            "amount": command.amount,
            "currency": command.currency,
            "card": command.card,
        },
    )


def order_decided(order: Order, reason: str | None) -> Event:
    """The event that the order is confirmed, or declined for `reason`."""
    confirmed = order.status == "confirmed"
    data: dict[str, Any] = {
        "order_id": order.id,
        "account_id": order.account_id,
        "show_id": order.show_id,
        "seats": order.seats,
        "amount": order.amount,
        "currency": order.currency,
    }
    if not confirmed:
        data["reason"] = reason or "declined"
    return Event.about(
        order.id, "OrderConfirmed" if confirmed else "OrderDeclined", str(order.show_id), data
    )


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a batch of payment events says of orders: order id to reason (None: captured)."""

    captured: list[uuid.UUID]
    declined: dict[uuid.UUID, str]


def read_payments(events: list[Event]) -> Decisions:
    """Sorts payment events. Unknown types are somebody else's and left alone."""
    captured = [uuid.UUID(e.data["order_id"]) for e in events if e.type == "PaymentCaptured"]
    declined = {
        uuid.UUID(e.data["order_id"]): str(e.data.get("reason", "declined"))
        for e in events
        if e.type == "PaymentDeclined"
    }
    return Decisions(captured, declined)
