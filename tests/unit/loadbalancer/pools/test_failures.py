"""The tries of one request, as scripts of failures."""

import random

from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.failures import Failures
from loadbalancer.pools.instance import Instance, State
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.retry import Failure
from loadbalancer.pools.settings import PoolSettings, RetrySettings

NOW = 100.0


def pool_of(ports: int, retry: RetrySettings | None = None) -> tuple[Pool, list[Instance]]:
    settings = PoolSettings("p", retry=retry or RetrySettings())
    pool = Pool(settings, "a", lambda *_, **__: None, random.Random(1))
    for port in range(1, ports + 1):
        pool.discovered(f"x{port}", [("10.0.0.1", port)], "a", NOW)
    instances = list(pool.instances.values())
    for instance in instances:
        pool.checked(instance, Outcome(Verdict.READY), NOW)
    return pool, instances


def another(
    failures: Failures, failure: Failure, tries: int = 1, *, failed: Instance, keyed: bool = True
) -> int | None:
    found = failures.another(failure, failed, NOW, repeatable=keyed, whole=True, tries=tries)
    return found.port if found else None


def test_the_next_try_is_on_one_that_was_not_asked_yet() -> None:
    pool, (one, *_) = pool_of(2)
    failures = Failures(pool)
    failures.add(one, Failure.RESET, NOW)
    assert another(failures, Failure.RESET, failed=one) == 2


def test_a_slow_one_is_asked_again_when_the_other_is_dead() -> None:
    pool, (slow, dead) = pool_of(2)
    failures = Failures(pool)
    failures.add(slow, Failure.TIMEOUT, NOW)
    assert another(failures, Failure.TIMEOUT, failed=slow) == dead.port
    failures.add(dead, Failure.CONNECT, NOW)
    assert another(failures, Failure.CONNECT, failed=dead) == slow.port


def test_but_never_with_what_may_not_be_done_twice() -> None:
    pool, (slow, dead) = pool_of(2)
    failures = Failures(pool)
    failures.add(dead, Failure.CONNECT, NOW)
    assert another(failures, Failure.CONNECT, 0, failed=dead, keyed=False) == slow.port
    failures.add(slow, Failure.TIMEOUT, NOW)
    assert another(failures, Failure.TIMEOUT, failed=slow, keyed=False) is None


def test_all_that_could_not_be_reached_are_dialed_again_in_turn_but_not_for_ever() -> None:
    pool, (one, two) = pool_of(2)
    failures = Failures(pool)
    for dialed, after in ((one, two), (two, one), (one, two), (two, one)):
        failures.add(dialed, Failure.CONNECT, NOW)
        assert another(failures, Failure.CONNECT, 0, failed=dialed, keyed=False) == after.port
    failures.add(one, Failure.CONNECT, NOW)
    assert another(failures, Failure.CONNECT, 0, failed=one) is None


def test_one_that_broke_off_is_not_asked_again_at_once() -> None:
    pool, (one,) = pool_of(1)
    failures = Failures(pool)
    failures.add(one, Failure.RESET, NOW)
    assert another(failures, Failure.RESET, failed=one) is None


def broken(pool: Pool, dead: Instance, failure: Failure = Failure.RESET) -> int:
    """One more of the requests under way on it is broken off. Gives the port of the next try."""
    failures = Failures(pool)
    failures.add(dead, failure, NOW)
    port = another(failures, failure, failed=dead) or 0
    dead.in_flight -= 1
    return port


NO_BUDGET = RetrySettings(budget=0, budget_min=0)


def test_all_that_a_dying_instance_had_under_way_is_tried_once_more_whatever_the_budget() -> None:
    pool, (dead, _) = pool_of(2, NO_BUDGET)
    dead.in_flight = 50
    assert [broken(pool, dead) for _ in range(50)] == [2] * 50
    assert pool.budget.retries == 0
    assert dead.state is State.EJECTED


def test_but_no_more_than_that_in_ten_seconds() -> None:
    pool, (dead, _) = pool_of(2, NO_BUDGET)
    dead.in_flight = 2
    assert [broken(pool, dead) for _ in range(2)] == [2, 2]
    dead.in_flight = 2  # a request that kills whoever gets it, say
    assert [broken(pool, dead) for _ in range(2)] == [0, 0]
    assert pool.budget.refused == 2


def test_being_late_has_that_grace_only_once_the_instance_is_known_to_be_silent() -> None:
    pool, (hung, other) = pool_of(2, NO_BUDGET)
    hung.in_flight = 9
    for _ in range(9):
        other.meter.observe(0.001)
    late = [broken(pool, hung, Failure.TIMEOUT) for _ in range(9)]
    assert late == [0, 0] + [2] * 7  # the third one ejects it
