"""What a run is to do, worked out from the environment: pure, no I/O.

RATE is a promise in requests a second; users are how many hands keep it. An order costs several
requests (a look at the show, the order itself, asking for its state, the ticket), so ORDERS a
second take their share of RATE and browsing gets the rest.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from loadtests.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUESTS_PER_ORDER = 5
"""Show, order, two looks at its state, ticket: what a healthy cluster makes of one purchase."""

_SECONDS_PER_BUY = 2.0
_BROWSES_PER_SECOND = 2.0
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


class PlanError(ValueError):
    """The environment asks for something that is not a load; the message is for a person."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. Rates are of all users together, at the shape's normal level."""

    edges: tuple[str, ...]
    shape: Shape
    seconds: float
    browsers: int
    buyers: int
    browse_rate: float
    order_rate: float
    accounts: int
    seed: int | None
    run_dir: str

    @property
    def users(self) -> int:
        """Browsers and buyers."""
        return self.browsers + self.buyers

    @property
    def browser_rate(self) -> float:
        """Requests a second of one browser."""
        return self.browse_rate / self.browsers if self.browsers else 0.0

    @property
    def buyer_rate(self) -> float:
        """Orders a second of one buyer."""
        return self.order_rate / self.buyers if self.buyers else 0.0

    @staticmethod
    def from_env(env: Mapping[str, str]) -> Plan:
        """Reads USERS, RATE, ORDERS, TIME, SHAPE, EDGES, ACCOUNTS, SEED, RUN_DIR.

        Raises:
            PlanError: a value makes no sense; says which and what is allowed.
        """
        rate = _number(env, "RATE", 60)
        shape = _shape(env.get("SHAPE") or "steady")
        orders = _number(env, "ORDERS", rate / (6 if shape == "flash-sale" else 15))
        browse = max(0.0, rate - orders * REQUESTS_PER_ORDER)
        browsers, buyers = _hands(_number(env, "USERS", 0), browse, orders)
        return Plan(
            edges=tuple((env.get("EDGES") or "http://127.0.0.1:8080").split(",")),
            shape=shape,
            seconds=seconds(env.get("TIME") or "60s"),
            browsers=browsers,
            buyers=buyers,
            browse_rate=browse if browsers else 0.0,
            order_rate=orders if buyers else 0.0,
            accounts=int(_number(env, "ACCOUNTS", min(buyers, 32))),
            seed=_seed(env.get("SEED")),
            run_dir=env.get("RUN_DIR") or "reports/load",
        )


def seconds(text: str) -> float:
    """Reads `90`, `90s`, `2m` or `1m30s`.

    Raises:
        PlanError: it is none of these, or nothing at all.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise PlanError(f"TIME={text}: such as 90, 90s, 2m or 1m30s")
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if total <= 0:
        raise PlanError(f"TIME={text}: longer than that, please")
    return total


def _shape(text: str) -> Shape:
    for shape in get_args(Shape):
        if shape == text:
            return cast("Shape", shape)
    raise PlanError(f"SHAPE={text}: one of {', '.join(get_args(Shape))}")


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0 or not math.isfinite(value):
        raise PlanError(f"{name}={text}: a number, not below zero")
    return value


def _seed(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise PlanError(f"SEED={text}: a whole number") from None


def _hands(users: float, browse: float, orders: float) -> tuple[int, int]:
    """How many browsers and buyers: as many as the rates take, or USERS in that proportion."""
    browsers = math.ceil(browse / _BROWSES_PER_SECOND)
    buyers = math.ceil(orders * _SECONDS_PER_BUY)
    if users and browsers + buyers:
        share = buyers / (browsers + buyers)
        wanted = round(users * share)
        buyers = min(max(wanted, 1 if orders else 0), int(users))
        browsers = int(users) - buyers
    if browsers + buyers == 0:
        raise PlanError("RATE, ORDERS and USERS leave nobody to do anything")
    return browsers, buyers
