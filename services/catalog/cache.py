"""The read-through cache: own memory, then Redis, then the source; one load a key at a time.

Whatever is away, the caller gets the best there is: without Redis the source is read, without the
source an old copy is given out, and only without both and without a copy there is an error.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis as Node

from chassis.metrics import observe
from chassis.problems import Unavailable
from chassis.resilience import BreakerOpen, BreakerPolicy, CircuitBreaker
from chassis.store.redis import Redis
from services.catalog.coalesce import Flights
from services.catalog.copies import Copy
from services.catalog.metrics import CACHE

log = logging.getLogger(__name__)

Load = Callable[[], Awaitable[bytes]]

_PREFIX = "catalog:"
_PATIENCE_SECONDS = 1.5  # less than the grace: when the source hangs, callers do not wait with it
_RECHECK_SECONDS = 1.0  # how long an old copy is given out before the source is asked again
_NEAR_ENTRIES = 100
# A cache is worth asking only while it is quick, and without the source there are old answers: so
# open soon, and try again soon.
_POLICY = BreakerPolicy(min_calls=5, slow_call_seconds=0.5, open_seconds=1.0, open_max_seconds=5.0)

_NEAR, _SHARED, _SOURCE, _OLD = (CACHE.labels(a) for a in ("near", "shared", "source", "old"))


class SharedCopies:
    """Copies in Redis, for all instances. When Redis is away there are none."""

    def __init__(self, redis: Redis, keep_seconds: float) -> None:
        """A copy is kept for `keep_seconds`, far longer than it is fresh."""
        self._redis = redis
        self._keep = int(keep_seconds)
        self._breaker = CircuitBreaker("redis", _POLICY, on_event=observe)

    async def get(self, key: str) -> Copy | None:
        """The copy, fresh or not; None if there is none or Redis is away."""

        async def command(node: Node) -> bytes | None:
            value = await node.get(_PREFIX + key)
            return value.encode() if isinstance(value, str) else value

        try:
            value = await self._breaker.run(self._redis.run, "cache_get", _PREFIX + key, command)
        except (Unavailable, BreakerOpen):
            return None
        return Copy.decode(value) if value else None

    async def put(self, key: str, copy: Copy) -> None:
        """Keeps the copy, if Redis is there."""

        async def command(node: Node) -> None:
            await node.set(_PREFIX + key, copy.encode(), ex=self._keep)

        try:
            await self._breaker.run(self._redis.run, "cache_put", _PREFIX + key, command)
        except (Unavailable, BreakerOpen):
            log.debug("not cached", extra={"key": key})


class Cache:
    """Gives out copies, and reads new ones from the source as they age."""

    def __init__(
        self,
        shared: SharedCopies,
        *,
        seconds: float,
        grace: float,
        patience: float = _PATIENCE_SECONDS,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """A copy is fresh for about `seconds`, and is given out while renewed for `grace` more.

        A source that hangs is waited for `patience` seconds, if there is an old copy.
        """
        self._shared = shared
        self._seconds = seconds
        self._grace = grace
        self._patience = patience
        self._now = now
        self._chance = chance
        self._near: dict[str, tuple[Copy, float]] = {}  # and until when not to ask again
        self._flights: Flights[Copy] = Flights()
        self._breaker = CircuitBreaker("postgres", _POLICY, on_event=observe)

    async def get(self, key: str, load: Load) -> Copy:
        """The copy for `key`; `load` reads it from the source.

        Raises:
            Unavailable, BreakerOpen: the source is away and there is no copy anywhere.
        """
        near = self._near.get(key)
        if near is not None:
            copy, until = near
            now = self._now()
            if now < until + self._grace:
                if now >= until:
                    self._flights.start(key, lambda: self._renew(key, load))
                _NEAR.inc()
                return copy
        return await self._flights.join(key, lambda: self._renew(key, load))

    def stale(self, copy: Copy) -> bool:
        """Whether the copy is older than any would be with everything at work."""
        return self._now() > copy.fresh_until + self._grace

    def age(self, copy: Copy) -> int:
        """Whole seconds since the source was asked for the copy."""
        return copy.age(self._now())

    def staleness(self, copy: Copy) -> float:
        """Seconds since the source was asked for the copy: it can be no older than that."""
        return max(0.0, self._now() - copy.loaded_at)

    async def aclose(self) -> None:
        """Gives up the loads that are under way."""
        await self._flights.aclose()

    async def _renew(self, key: str, load: Load) -> Copy:
        shared = await self._shared.get(key)
        if shared is not None and self._now() < shared.fresh_until:
            _SHARED.inc()
            return self._keep(key, shared, shared.fresh_until)
        old = self._newest(key, shared)
        asked = self._now()
        try:
            async with asyncio.timeout(self._patience if old else None):
                body = await self._breaker.run(load)
        except Exception as error:
            if old is None:
                raise
            log.warning("an old copy instead", extra={"key": key, "kind": type(error).__name__})
            _OLD.inc()
            return self._keep(key, old, self._now() + _RECHECK_SECONDS)
        _SOURCE.inc()
        copy = Copy.make(body, asked, self._now(), self._seconds, self._chance())
        self._keep(key, copy, copy.fresh_until)
        await self._shared.put(key, copy)
        return copy

    def _newest(self, key: str, shared: Copy | None) -> Copy | None:
        near = self._near.get(key)
        known = [copy for copy in (shared, near[0] if near else None) if copy is not None]
        return max(known, key=lambda copy: copy.loaded_at, default=None)

    def _keep(self, key: str, copy: Copy, until: float) -> Copy:
        self._near.pop(key, None)
        self._near[key] = (copy, until)
        if len(self._near) > _NEAR_ENTRIES:  # out goes what was renewed longest ago
            del self._near[next(iter(self._near))]
        return copy
