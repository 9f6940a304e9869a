"""One point in time until which a request is worth anything, handed on from hop to hop.

A timeout says how long one step may take, and steps add up. A deadline is set once, where the
request came in, and every step below spends from what is left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from chassis.resilience.errors import DeadlineExceeded

HEADER = "X-Request-Timeout-Ms"
"""Whole milliseconds that are left when the request is sent. A duration: clocks differ."""

_MAX_DIGITS = 9  # over eleven days: longer numbers are a mistake, and slow to parse


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in monotonic time.

    Attributes:
        at: the moment, in the seconds of `clock`.
        clock: tells the time; tests pass their own.
    """

    at: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """The deadline that many seconds from now."""
        return cls(clock() + seconds, clock)

    @classmethod
    def from_header(
        cls,
        value: str | None,
        *,
        default: float,
        most: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> Deadline:
        """What a caller's header asks for, never more than `most` seconds.

        A missing or unreadable header means `default` seconds: the header is advice, and a bad
        one is no reason to refuse the request.
        """
        text = (value or "").strip()
        readable = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
        seconds = int(text) / 1000 if readable else default
        return cls.after(min(seconds, most), clock)

    def to_header(self) -> str:
        """What to send on: rounded down, so that nobody below believes in more than there is."""
        return str(int(self.remaining() * 1000))

    def remaining(self) -> float:
        """Seconds left, never less than 0."""
        return max(0.0, self.at - self.clock())

    @property
    def expired(self) -> bool:
        """True once nothing is left."""
        return self.remaining() <= 0

    @asynccontextmanager
    async def enforce(self) -> AsyncIterator[Deadline]:
        """Makes this the current deadline, and ends the block when it passes.

        Within an earlier deadline that one stays the current one: time is never won back.

        Raises:
            DeadlineExceeded: at once when it has passed already, else when it does. A
                TimeoutError of the block's own goes through as it is.
        """
        outer = current_deadline.get()
        effective = self if outer is None or self.remaining() < outer.remaining() else outer
        if effective.expired:
            raise DeadlineExceeded("No time was left to begin")
        token = current_deadline.set(effective)
        scope = asyncio.timeout(effective.remaining())
        try:
            async with scope:
                yield effective
        except TimeoutError as error:
            if scope.expired():
                raise DeadlineExceeded("No answer in the time that there was") from error
            raise
        finally:
            current_deadline.reset(token)


current_deadline: ContextVar[Deadline | None] = ContextVar("current_deadline", default=None)
"""The deadline of the request at hand. Tasks inherit it: start those that outlive the request in
a fresh `contextvars.Context()`."""


def remaining_or(default: float) -> float:
    """Seconds left to the current deadline, or `default` seconds where there is none."""
    deadline = current_deadline.get()
    return default if deadline is None else deadline.remaining()
