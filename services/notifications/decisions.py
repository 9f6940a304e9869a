"""What subscribers make of an order's events: pure, and shared by several of them."""

from __future__ import annotations

import uuid

from pydantic import BaseModel, ConfigDict, Field

from chassis.bus.event import Event

PLACED, CONFIRMED, DECLINED = "OrderPlaced", "OrderConfirmed", "OrderDeclined"


class OrderNews(BaseModel):
    """What an event of orders says. `amount` is in minor units (cents)."""

    model_config = ConfigDict(frozen=True)

    order_id: uuid.UUID
    account_id: uuid.UUID
    show_id: int
    seats: list[int] = Field(min_length=1)
    amount: int
    currency: str
    reason: str = "declined"

    @classmethod
    def of(cls, event: Event) -> OrderNews:
        """Reads an event.

        Raises:
            ValueError: it lacks something.
        """
        return cls.model_validate(event.data)


def money(amount: int, currency: str) -> str:
    """An amount in minor units, for people.

    >>> money(4205, "EUR")
    '42.05 EUR'
    """
    return f"{amount // 100}.{amount % 100:02} {currency}"


def seats(numbers: list[int]) -> str:
    """Seats, for people.

    >>> seats([7]), seats([9, 7, 8])
    ('seat 7', 'seats 7, 8, 9')
    """
    listed = ", ".join(str(n) for n in sorted(numbers))
    return f"seat {listed}" if len(numbers) == 1 else f"seats {listed}"
