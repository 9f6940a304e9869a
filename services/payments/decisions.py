"""What payments decides: what to charge, what the acquirer's answer means, what to tell."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chassis.bus.event import Event
from services.payments.errors import AcquirerAway, ChargeRefused

_ANSWERED = frozenset({200, 201})
_REFUSED = frozenset({400, 413, 422})


class Charge(BaseModel):
    """What an OrderPlaced asks for; its other fields are not ours. Amounts are in cents."""

    model_config = ConfigDict(frozen=True)

    order_id: uuid.UUID
    show_id: int
    amount: int = Field(gt=0)
    currency: str = Field(min_length=3, max_length=3)
    card: str = Field(min_length=1)

    @property
    def key(self) -> str:
        """What the acquirer knows the charge by, however often and by whomever it is asked."""
        return str(self.order_id)

    def body(self) -> bytes:
        """The request to the acquirer: the same bytes each time."""
        return orjson.dumps(
            {
                "reference": self.key,
                "amount": self.amount,
                "currency": self.currency,
                "card": self.card,
            }
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the acquirer said, for good."""

    reference: str
    captured: bool


class _Answer(BaseModel):
    id: str
    status: Literal["captured", "declined"]


def read_order(event: Event) -> Charge | None:
    """The charge that an event asks for; None if it is about something else.

    Raises:
        ValueError: it is an OrderPlaced that cannot be paid.
    """
    return Charge.model_validate(event.data) if event.type == "OrderPlaced" else None


def read_answer(status: int, body: bytes, retry_after: str | None = None) -> Verdict:
    """What an HTTP answer means. Only a verdict, or a refusal of the request itself, is final.

    Raises:
        AcquirerAway: anything else, a wrong API key included: that is nothing the order can help.
        ChargeRefused: the acquirer cannot make sense of the charge.
    """
    if status in _REFUSED:
        raise ChargeRefused(f"The acquirer answered {status}: {body[:200]!r}")
    if status not in _ANSWERED:
        asked = retry_after or ""
        wait = float(asked) if asked.isascii() and asked.isdigit() else None
        raise AcquirerAway(f"The acquirer answered {status}", retry_after=wait)
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        raise AcquirerAway("The acquirer's answer cannot be read") from error
    return Verdict(answer.id, answer.status == "captured")


def payment_decided(charge: Charge, verdict: Verdict) -> Event:
    """The event of it. Told again after a crash, it has the same id."""
    about = {"order_id": charge.key, "show_id": charge.show_id}
    if verdict.captured:
        kind = "PaymentCaptured"
        paid = {
            "amount": charge.amount,
            "currency": charge.currency,
            "acquirer_reference": verdict.reference,
        }
        return Event.about(charge.key, kind, str(charge.show_id), about | paid)
    return Event.about(
        charge.key, "PaymentDeclined", str(charge.show_id), about | {"reason": "card-declined"}
    )
