"""The adaptive limit, against services whose capacity is known."""

import random

import pytest

from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.limit import Limit
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings


def run(limit: Limit, capacity: int, demand: int, seconds: int) -> list[int]:
    """A service that works on `capacity` requests at once, 0.1 s each; what is above that waits."""
    values = []
    for _ in range(seconds):
        in_flight = min(demand, limit.value)
        limit.observe(0.1 * max(1.0, in_flight / capacity), in_flight)
        values.append(limit.value)
    return values


def test_it_grows_to_what_the_service_can_do_and_not_far_beyond() -> None:
    values = run(Limit(20, 1000), capacity=100, demand=5000, seconds=300)
    assert values[0] < 25
    assert 100 <= values[-1] <= 260


def test_more_capacity_more_limit() -> None:
    small = run(Limit(20, 1000), capacity=40, demand=5000, seconds=300)[-1]
    assert run(Limit(20, 1000), capacity=300, demand=5000, seconds=300)[-1] > 2 * small


def test_it_shrinks_when_the_service_becomes_slower() -> None:
    limit = Limit(20, 1000)
    before = run(limit, capacity=200, demand=5000, seconds=300)[-1]
    after = run(limit, capacity=40, demand=5000, seconds=60)[-1]
    assert after < 0.6 * before


def test_what_nobody_asks_for_is_not_tried_out() -> None:
    assert set(run(Limit(20, 1000), capacity=100, demand=5, seconds=100)) == {20}


def test_it_keeps_its_bounds() -> None:
    assert max(run(Limit(20, 50), capacity=1000, demand=5000, seconds=300)) == 50
    limit = Limit(20, 1000)
    run(limit, capacity=1000, demand=5000, seconds=50)
    for _ in range(300):
        limit.observe(60.0, limit.value)
    assert limit.value >= 20
    assert Limit(20, 5).value == 5


def test_after_a_bad_time_it_recovers() -> None:
    limit = Limit(20, 1000)
    run(limit, capacity=10, demand=5000, seconds=100)
    assert run(limit, capacity=500, demand=5000, seconds=300)[-1] > 100


@pytest.mark.parametrize("adaptive", [True, False])
def test_a_pool_asks_it_only_if_told_to(adaptive: bool) -> None:
    settings = PoolSettings("p", adaptive=adaptive, adaptive_least=10, max_requests=100)
    pool = Pool(settings, "", lambda *_, **__: None, random.Random(1))
    pool.discovered("x", [("10.0.0.1", 1)], "", 0)
    instance = pool.instances["10.0.0.1:1"]
    pool.checked(instance, Outcome(Verdict.READY), 0)
    assert pool.limit == (10 if adaptive else 100)
    for _ in range(30):
        pool.in_flight = pool.limit
        for _ in range(100):
            instance.meter.observe(0.1)
        pool.tick()
    assert pool.limit > 20 if adaptive else pool.limit == 100
