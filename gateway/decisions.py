"""Who a caller is, and how much one may ask. Pure: time is passed in, in seconds.

A caller has a token bucket: `burst` tokens at most, `rate` of them come back each second, each
request takes one. The bucket is in Redis, one for all instances. To ask Redis for each request
would cost more than many requests do, so an instance takes tokens in advance, a share of the
bucket at a time, and gives them out itself (`Lease`). What is left of them after a second lapses.

The first share of a second is given out without asking. Whoever needs no more than that on each
instance is below the rate, so the bucket could not have refused. Whoever needs more pays for the
first share with the second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LEASE_SECONDS = 1.0
_SHARE = 0.05  # of the burst


@dataclass(frozen=True, slots=True)
class Limit:
    """How much one kind of caller may ask. `rate` is in requests a second."""

    rate: float
    burst: int

    @property
    def share(self) -> int:
        """Tokens that an instance takes at a time."""
        return max(1, int(self.burst * _SHARE))

    @property
    def lapse_seconds(self) -> int:
        """After so long without a request a bucket is full, and need not be kept."""
        return math.ceil(self.burst / self.rate) + 1


@dataclass(frozen=True, slots=True)
class Grant:
    """What a bucket gave: `tokens`, and if there were none, the seconds until there is one."""

    tokens: int
    wait: float = 0.0


class Bucket:
    """A token bucket of this instance's own, for when Redis is away. Begins full."""

    def __init__(self, limit: Limit, now: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._at = now

    def take(self, wanted: int, now: float) -> Grant:
        """Up to `wanted` tokens."""
        back = (now - self._at) * self._limit.rate
        self._tokens = min(self._limit.burst, self._tokens + back)
        self._at = now
        granted = min(wanted, int(self._tokens))
        self._tokens -= granted
        return Grant(granted, 0.0 if granted else (1 - self._tokens) / self._limit.rate)


class Lease:
    """What this instance may give out for one caller before it must ask the bucket again."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._left = 0
        self._until = -math.inf
        self._advanced = True  # the tokens at hand are an advance, not yet paid for
        self._refused_until = -math.inf

    def take(self, now: float) -> bool:
        """One token, if there is one at hand."""
        if now >= self._until:
            modest = self._left > 0 or self._until == -math.inf
            self._begin(self._limit.share if modest else 0, now, advanced=modest)
        if self._left == 0:
            return False
        self._left -= 1
        return True

    def refused(self, now: float) -> float:
        """Seconds for which the bucket need not be asked again, since it was empty; 0: ask."""
        return max(0.0, self._refused_until - now)

    @property
    def wanted(self) -> int:
        """How many tokens to ask the bucket for."""
        return self._limit.share * (2 if self._advanced else 1)

    def add(self, grant: Grant, now: float) -> None:
        """Takes in what the bucket gave; an advance is paid back first."""
        owed = self._limit.share if self._advanced else 0
        self._begin(max(0, grant.tokens - owed), now, advanced=False)
        if self._left == 0:
            share_seconds = self._limit.share / self._limit.rate
            self._refused_until = now + max(grant.wait, share_seconds)

    def _begin(self, tokens: int, now: float, *, advanced: bool) -> None:
        self._left = tokens
        self._until = now + LEASE_SECONDS
        self._advanced = advanced


def client_address(forwarded: str | None, peer: str, trusted_hops: int) -> str:
    """Whom to count: what the outermost of our own proxies wrote into X-Forwarded-For.

    Each proxy adds the address it was called from at the end; what stands before the last
    `trusted_hops` entries anybody may have made up.

    >>> client_address("6.6.6.6, 203.0.113.9", "10.0.0.2", 1)
    '203.0.113.9'
    """
    if not forwarded or trusted_hops == 0:
        return peer
    entries = [entry.strip() for entry in forwarded.split(",")]
    return entries[-min(trusted_hops, len(entries))] or peer


def find_token(authorization: str | None, cookie: str | None) -> str | None:
    """The session's token: of `Authorization: Bearer`, else of the cookie `session`."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    for part in (cookie or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "session":
            return value
    return None
