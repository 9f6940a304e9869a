"""How a charge can end without a verdict.

AcquirerAway (ConnectionError)   no answer, or none that can be used: the order waits
ChargeRefused (ValueError)       it does not accept such a charge at all: a dead letter
"""

from __future__ import annotations


class AcquirerAway(ConnectionError):
    """Whether the card was charged is not known. `retry_after` is what it asked for, in seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ChargeRefused(ValueError):
    """Asking again will not help."""
