"""Makes the acquirer as slow and as flaky as its knobs say."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from chassis.problems import Unavailable
from services.acquirer.decisions import Knobs, Mishap, make_plan
from services.acquirer.errors import ProcessorFailed

log = logging.getLogger(__name__)

_CACHED_SECONDS = 1.0


class Trouble:
    """The knobs as this instance knows them, a second old at most, and what they do."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Knobs]],
        *,
        clock: Callable[[], float] = time.monotonic,
        rand: Callable[[], float] = random.random,
    ) -> None:
        """`read` gets the knobs that all instances share; `clock` is in seconds."""
        self._read = read
        self._clock = clock
        self._rand = rand
        self._knobs = Knobs()
        self._known_until = float("-inf")

    async def knobs(self) -> Knobs:
        """The present ones; while they cannot be read, the last ones known."""
        now = self._clock()
        if now >= self._known_until:
            self._known_until = now + _CACHED_SECONDS  # who comes meanwhile takes the old ones
            try:
                self._knobs = await self._read()
            except Unavailable:
                log.warning("knobs cannot be read")
        return self._knobs

    def turned(self, knobs: Knobs) -> None:
        """This instance need not wait for the second to pass."""
        self._knobs = knobs

    @asynccontextmanager
    async def around(self, card: str) -> AsyncIterator[None]:
        """Lets a charge to `card` suffer; the block is the effect.

        Raises:
            ProcessorFailed: before the effect or after it.
        """
        plan = make_plan(await self.knobs(), card, self._rand)
        await _suffer(plan.half_seconds, plan.before)
        yield
        await _suffer(plan.half_seconds, plan.after)


async def _suffer(seconds: float, mishap: Mishap) -> None:
    await asyncio.sleep(seconds)
    if mishap is Mishap.HANG:
        await asyncio.Event().wait()  # until the request's deadline ends it
    if mishap is Mishap.ERROR:
        raise ProcessorFailed
