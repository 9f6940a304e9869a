"""What sessions decides. Pure."""

from __future__ import annotations

import re
import unicodedata
import uuid
from dataclasses import dataclass
from enum import Enum

MOST_EMAIL = 254  # RFC 5321: a path of 256 with its angle brackets
LEAST_PASSWORD = 8  # NIST SP 800-63B
MOST_PASSWORD = 128

# A shape, not the grammar: whether an address exists only a letter to it can tell. (\ud800 in JSON
# is half a character, which nothing can be made of outside of Python.)
_NEITHER = r"\s@\x00-\x1f\x7f\ud800-\udfff"
_EMAIL = re.compile(rf"[^{_NEITHER}]{{1,64}}@(?:[^.{_NEITHER}]+\.)+[^.{_NEITHER}]{{2,}}")


@dataclass(frozen=True, slots=True)
class Account:
    """A row of the accounts."""

    id: uuid.UUID
    email: str
    password_hash: str
    idempotency_key: str | None


class Outcome(Enum):
    """How an attempt to open an account ended."""

    CREATED = "created"
    REPLAYED = "replayed"
    TAKEN = "taken"


def normalise_email(text: str) -> str | None:
    """The one spelling that an email is known by; None if it is not of an email's shape.

    >>> normalise_email(" Ada@Example.COM ")
    'ada@example.com'
    """
    email = unicodedata.normalize("NFKC", text).strip().lower()
    return email if len(email) <= MOST_EMAIL and _EMAIL.fullmatch(email) else None


def normalise_password(text: str) -> bytes:
    """The same bytes for the same letters, whichever way a keyboard composed them (NIST: NFKC)."""
    return unicodedata.normalize("NFKC", text).encode()


def outcome(wanted: Account, owner: Account) -> Outcome:
    """Whether `wanted` came to be, given who has its email now.

    The own id there means done, perhaps by a try whose answer was lost. The same key means that
    the caller, or a balancer for it, sent the request again.
    """
    if owner.id == wanted.id:
        return Outcome.CREATED
    if wanted.idempotency_key is not None and owner.idempotency_key == wanted.idempotency_key:
        return Outcome.REPLAYED
    return Outcome.TAKEN
