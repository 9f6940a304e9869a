"""How one of several good instances is chosen."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence

from loadbalancer.pools.instance import Instance

Room = Callable[[Instance], bool]


class RoundRobin:
    """In turn, smoothly by weight: 5, 1, 1 gives a a b a c a a, as nginx does it.

    The order is worked out when the set changes; a choice is then a step.
    """

    def __init__(self, instances: Sequence[Instance], start: int = 0) -> None:
        """`start` goes on where the turn before a change of the set was."""
        self.turn = start
        self._order = smooth_order(instances)

    def choose(self, tried: Collection[Instance], most: int) -> Instance | None:
        """The next one that was not tried and has fewer than `most` requests in flight."""
        order = self._order
        for _ in order:
            self.turn += 1
            instance = order[self.turn % len(order)]
            if instance.in_flight < most and instance not in tried:
                return instance
        return None


class LeastRequests:
    """The one with fewer requests in flight, of two taken by chance (Mitzenmacher 2001).

    Looking at all of them sends everyone to the same one, as soon as several balancers look.
    """

    def __init__(self, instances: Sequence[Instance], chance: random.Random) -> None:
        self._instances = list(instances)
        self._chance = chance
        self.turn = 0

    def choose(self, tried: Collection[Instance], most: int) -> Instance | None:
        """The less busy of two that were not tried and have fewer than `most` in flight."""
        fit = [i for i in self._instances if i.in_flight < most and i not in tried]
        if not fit:
            return None
        a = self._chance.choice(fit)
        b = self._chance.choice(fit)
        return a if a.in_flight * b.weight <= b.in_flight * a.weight else b


Policy = RoundRobin | LeastRequests
NAMES = ("round_robin", "least_requests")


def smooth_order(instances: Sequence[Instance]) -> list[Instance]:
    """One whole round: each as often as its weight, spread evenly."""
    credit = dict.fromkeys(range(len(instances)), 0)
    whole = sum(i.weight for i in instances)
    order = []
    for _ in range(whole):
        for at, instance in enumerate(instances):
            credit[at] += instance.weight
        best = max(credit, key=lambda at: credit[at])
        credit[best] -= whole
        order.append(instances[best])
    return order
