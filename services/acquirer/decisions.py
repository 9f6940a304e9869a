"""What the acquirer decides: about cards, about keys, and about how badly it behaves today."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.acquirer.errors import KeyMissing, KeyReused

SLOW_CARD_SECONDS = 3.0

_GOOD_CARDS = frozenset({"tok_ok", "tok_slow"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TEXT = r"^[^\x00-\x1f\x7f]+$"  # Postgres keeps any text but one with a NUL


class ChargeRequest(BaseModel):
    """What a customer sends. `amount` is in minor units (cents)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reference: str = Field(min_length=1, max_length=64, pattern=_TEXT)
    amount: int = Field(gt=0, le=10**12)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    card: str = Field(min_length=1, max_length=64, pattern=_TEXT)


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the ledger."""

    key: str
    id: str
    request: ChargeRequest
    status: str
    created_at: datetime

    def answer(self) -> dict[str, Any]:
        """As the API shows it; the same each time."""
        return {
            "id": self.id,
            "key": self.key,
            "status": self.status,
            "amount": self.request.amount,
            "currency": self.request.currency,
            "reference": self.request.reference,
            "created_at": self.created_at.isoformat(timespec="milliseconds"),
        }


def check_key(given: str | None) -> str:
    """The Idempotency-Key, if it can be one.

    Raises:
        KeyMissing: absent, empty, over 255 characters, or with characters that are not visible.
    """
    if given is None or not can_be_key(given):
        raise KeyMissing
    return given


def can_be_key(text: str) -> bool:
    """Whether `text` could have come as an Idempotency-Key."""
    return _KEY.fullmatch(text) is not None


def check_same(charge: Charge, request: ChargeRequest) -> None:
    """The key is known: it may only come with the charge that it came with first.

    Raises:
        KeyReused: it came with another.
    """
    if charge.request != request:
        raise KeyReused


def verdict(card: str) -> str:
    """The status of a charge to this card: captured, or declined."""
    return "captured" if card in _GOOD_CARDS else "declined"


class Knobs(BaseModel):
    """How the acquirer behaves. By default a little slow and now and then wrong, as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    latency_ms: int = Field(40, ge=0, le=60_000, description="of an answer, on average")
    jitter_ms: int = Field(20, ge=0, le=60_000, description="up to so much more or less")
    error_rate: float = Field(0.01, ge=0, le=1, description="share of charges answered by a 500")
    hang_rate: float = Field(0.0, ge=0, le=1, description="share of charges not answered at all")


class Mishap(enum.Enum):
    """What goes wrong with one request."""

    NONE = enum.auto()
    ERROR = enum.auto()
    HANG = enum.auto()


@dataclass(frozen=True, slots=True)
class Plan:
    """How one request will fare. Half of its latency lies before the effect and half after.

    `before` and `after` are what goes wrong there, of which one at most is not NONE. After the
    effect it is the answer that is lost: only the key keeps the customer from paying twice.
    """

    half_seconds: float
    before: Mishap
    after: Mishap


def make_plan(knobs: Knobs, card: str, rand: Callable[[], float]) -> Plan:
    """Draws a request's fate. `rand` gives a number in [0, 1)."""
    jitter = knobs.jitter_ms * (2 * rand() - 1)
    seconds = max(0.0, knobs.latency_ms + jitter) / 1000
    if card == "tok_slow":
        seconds += SLOW_CARD_SECONDS
    mishap = Mishap.NONE
    if rand() < knobs.hang_rate:
        mishap = Mishap.HANG
    elif rand() < knobs.error_rate:
        mishap = Mishap.ERROR
    early = rand() < 0.5  # noqa: PLR2004 - a coin
    before, after = (mishap, Mishap.NONE) if early else (Mishap.NONE, mishap)
    return Plan(seconds / 2, before, after)
