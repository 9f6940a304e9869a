"""How many users are there, when. Each user's own rate stays the same, so users are the load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["steady", "spike", "flash-sale"]

_RAMP_SECONDS = 3.0
_SPIKE = 3.0
_QUIET = 0.2
_SALE_OPENS = 0.25


@dataclass(frozen=True, slots=True)
class Stage:
    """Up to `until` (seconds since the start) there are `users`, `arriving` per second."""

    until: float
    users: int
    arriving: float


def stages(shape: Shape, users: int, seconds: float) -> tuple[Stage, ...]:
    """The run as stages.

    - steady: the same all along.
    - spike: three times as many in the middle fifth, there within a second.
    - flash-sale: a fifth of them until a quarter of the time is gone; then everyone, at once, and
      the buyers all want the same show (see `sale_is_open`).
    """
    ramp = max(1.0, users / _RAMP_SECONDS)
    if shape == "spike":
        many = round(users * _SPIKE)
        return (
            Stage(seconds * 0.4, users, ramp),
            Stage(seconds * 0.6, many, float(many)),
            Stage(seconds, users, float(many)),
        )
    if shape == "flash-sale":
        few = max(1, round(users * _QUIET))
        return (
            Stage(seconds * _SALE_OPENS, few, ramp),
            Stage(seconds, users, float(users)),
        )
    return (Stage(seconds, users, ramp),)


def at(plan: tuple[Stage, ...], elapsed: float) -> Stage | None:
    """The stage at `elapsed` seconds, None once the run is over."""
    return next((stage for stage in plan if elapsed < stage.until), None)


def sale_is_open(shape: Shape, seconds: float, elapsed: float) -> bool:
    """Whether buyers all want the one show on sale now."""
    return shape == "flash-sale" and elapsed >= seconds * _SALE_OPENS
