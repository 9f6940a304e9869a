"""How many requests a caller may make: buckets in Redis, leases on them here."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from chassis.problems import TooMany
from chassis.store.errors import StoreUnavailable
from chassis.store.redis import Redis
from gateway.decisions import Bucket, Grant, Lease, Limit

# Redis is not waited for longer than this: a limit is no reason to be slow.
_ASK_SECONDS = 0.2
# After it did not answer, every instance limits by itself for so long.
_AWAY_SECONDS = 1.0

# KEYS: bucket. ARGV: rate, burst, wanted, seconds to keep it. By Redis's clock: one for all.
_TAKE = """
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local back = math.max(0, now - (known[2] or now)) * rate
local tokens = math.min(burst, (known[1] or burst) + back)
local granted = math.min(wanted, math.floor(tokens))
tokens = tokens - granted
local exact = function(number) return string.format('%.6f', number) end
redis.call('HSET', KEYS[1], 'tokens', exact(tokens), 'at', exact(now))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {granted, granted > 0 and 0 or math.ceil((1 - tokens) / rate * 1000)}
"""


class _Caller:
    """What is known of one caller here."""

    __slots__ = ("asking", "lease", "limit", "own_bucket")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.lease = Lease(limit)
        self.asking: asyncio.Task[None] | None = None
        self.own_bucket: Bucket | None = None


class Limiter:
    """Admits requests or refuses them. Of callers beyond `most` the longest unseen is forgotten."""

    def __init__(
        self, redis: Redis, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._most = most
        self._clock = clock
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._away_until = 0.0

    async def admit(self, name: str, limit: Limit) -> None:
        """Takes one token of the caller `name`; while Redis is away, of this instance's own bucket.

        Raises:
            TooMany: there is none.
        """
        caller = self._caller(name, limit)
        while not caller.lease.take(self._clock()):
            wait = caller.lease.refused(self._clock())
            if wait > 0:
                raise TooMany("More requests than this caller may make", retry_after=wait)
            if caller.asking is None:  # one asks for all who wait
                caller.asking = asyncio.create_task(self._ask(name, caller))
            await asyncio.shield(caller.asking)

    def _caller(self, name: str, limit: Limit) -> _Caller:
        caller = self._callers.get(name)
        if caller is None:
            caller = self._callers[name] = _Caller(limit)
            if len(self._callers) > self._most:
                self._callers.popitem(last=False)
        else:
            self._callers.move_to_end(name)
        return caller

    async def _ask(self, name: str, caller: _Caller) -> None:
        try:
            grant = await self._grant(name, caller)
            caller.lease.add(grant, self._clock())
        finally:
            caller.asking = None

    async def _grant(self, name: str, caller: _Caller) -> Grant:
        limit, wanted, key = caller.limit, caller.lease.wanted, f"rate:{name}"
        if self._clock() >= self._away_until:
            try:
                tokens, wait_ms = await self._redis.run(
                    "rate_limit",
                    key,
                    lambda r: r.eval(
                        _TAKE,
                        1,
                        key,
                        limit.rate,
                        limit.burst,
                        wanted,
                        limit.lapse_seconds,
                    ),
                    seconds=_ASK_SECONDS,
                )
            except StoreUnavailable:
                self._away_until = self._clock() + _AWAY_SECONDS
            else:
                caller.own_bucket = None
                return Grant(tokens, wait_ms / 1000)
        now = self._clock()
        caller.own_bucket = caller.own_bucket or Bucket(limit, now)
        return caller.own_bucket.take(wanted, now)
