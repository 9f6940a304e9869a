"""Shapes of the answers, for the API's description; the answers themselves are cached as bytes."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class Money(BaseModel):
    """An amount in minor units (cents)."""

    amount: int
    currency: str


class VenueAnswer(BaseModel):
    """Where a show is."""

    id: int
    name: str
    city: str


class ShowAnswer(BaseModel):
    """A show."""

    id: int
    title: str
    venue: VenueAnswer
    starts_at: datetime
    price: Money = Field(description="of one seat")
    seats_total: int
    seats_left: int = Field(description="may be seconds old")


class ShowPage(BaseModel):
    """Some shows, and where to go on."""

    items: list[ShowAnswer]
    next_cursor: str | None
