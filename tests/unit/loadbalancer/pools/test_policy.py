"""Choosing one of several."""

import random
from collections import Counter

from loadbalancer.pools.instance import Instance
from loadbalancer.pools.policy import LeastRequests, RoundRobin, smooth_order
from loadbalancer.pools.settings import PoolSettings

SETTINGS = PoolSettings("p")


def some(*weights: int) -> list[Instance]:
    return [Instance("10.0.0.1", at, SETTINGS, weight=w) for at, w in enumerate(weights)]


def test_round_robin_takes_turns() -> None:
    policy = RoundRobin(some(1, 1, 1))
    ports = [i.port for _ in range(6) if (i := policy.choose((), 9))]
    assert sorted(ports[:3]) == [0, 1, 2]
    assert ports[:3] == ports[3:]


def test_weights_are_spread_smoothly() -> None:
    assert [i.port for i in smooth_order(some(5, 1, 1))] == [0, 0, 1, 0, 2, 0, 0]


def test_tried_and_full_ones_are_passed_over() -> None:
    a, b, c = instances = some(1, 1, 1)
    b.in_flight = 9
    policy = RoundRobin(instances)
    assert {policy.choose((a,), 9) for _ in range(5)} == {c}
    assert policy.choose((a, c), 9) is None
    least = LeastRequests(instances, random.Random(1))
    assert {least.choose((a,), 9) for _ in range(5)} == {c}
    assert least.choose((a, c), 9) is None


def test_least_requests_prefers_the_less_busy_and_looks_at_two() -> None:
    a, b, c = instances = some(1, 1, 1)
    a.in_flight, b.in_flight, c.in_flight = 10, 5, 0
    policy = LeastRequests(instances, random.Random(1))
    chosen = Counter(policy.choose((), 99) for _ in range(900))
    assert chosen[c] > chosen[b] > chosen[a] > 0


def test_least_requests_goes_by_weight() -> None:
    a, b = instances = some(10, 1)
    a.in_flight, b.in_flight = 5, 1
    policy = LeastRequests(instances, random.Random(1))
    chosen = Counter(policy.choose((), 99) for _ in range(100))
    assert chosen[a] > chosen[b]
