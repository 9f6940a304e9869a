"""How one of several good instances is chosen.

An instance's `share` is its weight, less while it starts slowly.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Collection, Sequence
from hashlib import blake2b
from math import ceil, gcd
from typing import Protocol

from loadbalancer.pools.instance import Instance


class Policy(Protocol):
    """Chooses among the instances that it was made with."""

    turn: int
    """Where a policy that takes turns is."""

    def choose(
        self, tried: Collection[Instance], most: int, key: bytes = b"", /
    ) -> Instance | None:
        """One that was not tried and has fewer than `most` requests in flight, if there is one.

        Args:
            tried: those that are out of the question.
            most: requests in flight on one instance.
            key: requests with the same one should meet the same instance.
        """


class RoundRobin:
    """In turn, smoothly by weight: 5, 1, 1 gives a a b a c a a, as nginx does it.

    The order is worked out when the set changes; a choice is then a step.
    """

    def __init__(self, instances: Sequence[Instance], start: int = 0) -> None:
        """`start` goes on where the turn before a change of the set was."""
        self.turn = start
        self._order = smooth_order(instances)

    def choose(self, tried: Collection[Instance], most: int, _key: bytes = b"") -> Instance | None:
        """The next one that was not tried and has fewer than `most` requests in flight."""
        order = self._order
        for _step in order:
            turn = self.turn = self.turn + 1
            instance = order[turn % len(order)]
            if instance.in_flight < most and instance not in tried:
                return instance
        return None


class Random:
    """Anyone, as often as its share says. Needs no agreement among balancers."""

    def __init__(self, instances: Sequence[Instance], chance: random.Random) -> None:
        self._instances = list(instances)
        self._chance = chance
        self.turn = 0

    def choose(self, tried: Collection[Instance], most: int, _key: bytes = b"") -> Instance | None:
        """One that was not tried and has fewer than `most` requests in flight."""
        taken = self._take(tried, most, 1)
        return taken[0] if taken else None

    def _take(self, tried: Collection[Instance], most: int, count: int) -> list[Instance]:
        fit = [i for i in self._instances if i.in_flight < most and i not in tried]
        if len(fit) <= 1:
            return fit
        return self._chance.choices(fit, [i.share for i in fit], k=count)


class LeastRequests(Random):
    """The one with fewer requests in flight, of two taken by chance (Mitzenmacher 2001).

    Looking at all of them sends everyone to the same one, as soon as several balancers look.
    """

    def choose(self, tried: Collection[Instance], most: int, _key: bytes = b"") -> Instance | None:
        """The less busy of two that were not tried and have fewer than `most` in flight."""
        taken = self._take(tried, most, 2)
        if not taken:
            return None
        a, b = taken[0], taken[-1]
        return a if a.in_flight * b.share <= b.in_flight * a.share else b


class Hash:
    """The same key, the same instance, as far as that one is not busier than its part of all.

    Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018): an instance takes
    at most `bound` times its part of the requests under way; what is above that goes on to the
    next one on the ring. When an instance comes or goes, only its own keys move.
    """

    def __init__(self, instances: Sequence[Instance], chance: random.Random, bound: float) -> None:
        self._instances = list(instances)
        self._chance = chance
        self._bound = bound
        self._shares = sum(i.share for i in instances)
        ring = sorted((point, at) for at, i in enumerate(instances) for point in _points(i))
        self._points = [point for point, _ in ring]
        self._owners = [self._instances[at] for _, at in ring]
        self.turn = 0

    def choose(self, tried: Collection[Instance], most: int, key: bytes = b"") -> Instance | None:
        """The first on the ring from the key on that has room. Without a key, any place is."""
        owners, number = self._owners, len(self._instances)
        part = self._bound * (1 + sum(i.in_flight for i in self._instances)) / self._shares
        at = bisect_left(self._points, _hash(key or self._chance.randbytes(8)))
        seen: list[Instance] = []
        spare: Instance | None = None
        for step in range(at, at + len(owners)):
            instance = owners[step % len(owners)]
            if instance in seen:
                continue
            if instance.in_flight < most and instance not in tried:
                if instance.in_flight < ceil(part * instance.share):
                    return instance
                spare = spare or instance
            seen.append(instance)
            if len(seen) == number:
                break
        return spare


_POINTS = 5
"""Digests for each unit of weight, and eight points in a digest."""
_NUMBER = 8


def _hash(key: bytes) -> int:
    return int.from_bytes(blake2b(key, digest_size=_NUMBER).digest(), "big")


def _points(instance: Instance) -> list[int]:
    """Its places on the ring: they depend on itself alone."""
    name = instance.address.encode()
    digests = b"".join(
        blake2b(b"%b#%d" % (name, at)).digest() for at in range(_POINTS * instance.weight)
    )
    return [
        int.from_bytes(digests[at : at + _NUMBER], "big") for at in range(0, len(digests), _NUMBER)
    ]


NAMES = ("round_robin", "least_requests", "random", "hash")
_LONGEST_ROUND = 1_000


def smooth_order(instances: Sequence[Instance]) -> list[Instance]:
    """One whole round: each as often as its share, spread evenly."""
    parts = _whole_parts(instances)
    credit = [0] * len(parts)
    whole = sum(parts)
    order = []
    for _ in range(whole):
        for at, part in enumerate(parts):
            credit[at] += part
        best = credit.index(max(credit))
        credit[best] -= whole
        order.append(instances[best])
    return order


def _whole_parts(instances: Sequence[Instance]) -> list[int]:
    """Shares as small whole numbers; exact, unless somebody starts slowly."""
    parts = [i.weight for i in instances]
    if any(i.share != i.weight for i in instances):
        scale = min(10.0, _LONGEST_ROUND / sum(parts))
        parts = [max(1, round(i.share * scale)) for i in instances]
    common = gcd(*parts) or 1
    return [part // common for part in parts]
