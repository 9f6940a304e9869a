"""Choosing one of several."""

import random
from collections import Counter

from loadbalancer.pools.instance import Instance
from loadbalancer.pools.policy import Hash, LeastRequests, Random, RoundRobin, smooth_order
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


def test_random_goes_by_share() -> None:
    a, b, c = instances = some(2, 1, 1)
    c.in_flight = 9
    policy = Random(instances, random.Random(1))
    chosen = Counter(policy.choose((), 9) for _ in range(3000))
    assert set(chosen) == {a, b}
    assert 1.8 < chosen[a] / chosen[b] < 2.2
    assert policy.choose((a, b), 9) is None


# ---- consistent hash -----------------------------------------------------------------------------

KEYS = [b"key-%d" % n for n in range(3000)]


def hashed(instances: list[Instance], bound: float = 100.0) -> Hash:
    return Hash(instances, random.Random(1), bound)


def test_the_same_key_meets_the_same_instance() -> None:
    one, two = some(1, 1, 1), some(1, 1, 1)
    for key in KEYS[:50]:
        chosen, again = hashed(one).choose((), 9, key), hashed(two).choose((), 9, key)
        assert chosen is not None
        assert again is not None
        assert chosen.address == again.address  # in another balancer too


def test_keys_are_spread_by_weight() -> None:
    a, b, c = instances = some(2, 1, 1)
    policy = hashed(instances)
    chosen = Counter(policy.choose((), 9, key) for key in KEYS)
    for instance, part in ((a, 0.5), (b, 0.25), (c, 0.25)):
        assert abs(chosen[instance] / len(KEYS) - part) < 0.15


def test_when_one_leaves_only_its_keys_move() -> None:
    instances = some(1, 1, 1, 1)
    before, after = hashed(instances), hashed(instances[1:])
    for key in KEYS:
        old = before.choose((), 9, key)
        if old is not instances[0]:
            assert after.choose((), 9, key) is old
        else:
            assert before.choose((old,), 9, key) is after.choose((), 9, key)


def test_nobody_gets_more_than_the_bound_however_hot_a_key_is() -> None:
    instances = some(1, 1, 1, 1)
    policy = hashed(instances, 1.25)
    for _ in range(100):
        chosen = policy.choose((), 1000, b"hot")
        assert chosen is not None
        chosen.in_flight += 1
    assert max(i.in_flight for i in instances) <= 32  # ceil(1.25 * 101 / 4)
    assert min(i.in_flight for i in instances) > 0


def test_with_no_room_inside_the_bound_one_above_it_is_better_than_none() -> None:
    a, b = instances = some(1, 1)
    policy = hashed(instances, 1.0)
    b.in_flight = 50
    assert policy.choose((a,), 99, b"x") is b
    assert policy.choose((a, b), 99, b"x") is None
    assert policy.choose((a,), 50, b"x") is None


def test_without_a_key_all_are_met() -> None:
    policy = hashed(some(1, 1, 1))
    assert len({policy.choose((), 9) for _ in range(100)}) == 3


def test_a_slow_start_does_not_move_keys() -> None:
    instances = some(1, 1, 1)
    before = [hashed(instances).choose((), 9, key) for key in KEYS[:200]]
    instances[0].share = 0.1
    assert [hashed(instances).choose((), 9, key) for key in KEYS[:200]] == before
