"""The tries of one request, as scripts of failures."""

import random

from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.failures import Failures
from loadbalancer.pools.instance import Instance
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.retry import Failure
from loadbalancer.pools.settings import PoolSettings

NOW = 100.0


def pool_of(ports: int) -> tuple[Pool, list[Instance]]:
    pool = Pool(PoolSettings("p"), "a", lambda *_, **__: None, random.Random(1))
    for port in range(1, ports + 1):
        pool.discovered(f"x{port}", [("10.0.0.1", port)], "a", NOW)
    instances = list(pool.instances.values())
    for instance in instances:
        pool.checked(instance, Outcome(Verdict.READY), NOW)
    return pool, instances


def another(
    failures: Failures, failure: Failure, tries: int = 1, *, keyed: bool = True
) -> int | None:
    found = failures.another(failure, repeatable=keyed, whole=True, tries=tries)
    return found.port if found else None


def test_the_next_try_is_on_one_that_was_not_asked_yet() -> None:
    pool, (one, *_) = pool_of(2)
    failures = Failures(pool)
    failures.add(one, Failure.RESET, NOW)
    assert another(failures, Failure.RESET) == 2


def test_a_slow_one_is_asked_again_when_the_other_is_dead() -> None:
    pool, (slow, dead) = pool_of(2)
    failures = Failures(pool)
    failures.add(slow, Failure.TIMEOUT, NOW)
    assert another(failures, Failure.TIMEOUT) == dead.port
    failures.add(dead, Failure.CONNECT, NOW)
    assert another(failures, Failure.CONNECT) == slow.port


def test_but_never_with_what_may_not_be_done_twice() -> None:
    pool, (slow, dead) = pool_of(2)
    failures = Failures(pool)
    failures.add(dead, Failure.CONNECT, NOW)
    assert another(failures, Failure.CONNECT, tries=0, keyed=False) == slow.port
    failures.add(slow, Failure.TIMEOUT, NOW)
    assert another(failures, Failure.TIMEOUT, keyed=False) is None


def test_nobody_is_left_when_all_are_dead() -> None:
    pool, instances = pool_of(2)
    failures = Failures(pool)
    for instance in instances:
        failures.add(instance, Failure.CONNECT, NOW)
    assert another(failures, Failure.CONNECT, tries=0) is None


def test_one_that_broke_off_is_not_asked_again_at_once() -> None:
    pool, (one,) = pool_of(1)
    failures = Failures(pool)
    failures.add(one, Failure.RESET, NOW)
    assert another(failures, Failure.RESET) is None
