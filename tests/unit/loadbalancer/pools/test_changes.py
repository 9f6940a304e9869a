"""What a new configuration does to a pool that is at work."""

import dataclasses

from loadbalancer.pools.instance import State
from tests.unit.loadbalancer.pools.test_pool import FAILED, READY, Script


class Idle:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_who_stays_keeps_its_state_and_its_numbers() -> None:
    script = Script("a", "a")
    script.check(1, FAILED, 3)
    script.at(2).meter.observe(0.1)
    settings = script.pool.settings
    check = dataclasses.replace(settings.check, rise=1)
    script.pool.reconfigure(dataclasses.replace(settings, idle=7.0, check=check), "b", script.now)
    assert (script.at(1).state, script.at(2).state) == (State.FAILING, State.UP)
    assert (script.at(2).meter.requests, script.at(2).idle_time.seconds) == (1, 7.0)
    assert script.pool.zone == "b"
    script.check(1, READY)
    assert script.at(1).state is State.UP


def test_who_is_not_named_any_more_finishes_and_goes() -> None:
    script = Script("a", "a")
    script.at(1).in_flight = 1
    script.pool.dropped("x1", script.now)
    assert (script.at(1).state, script.served()) == (State.DRAINING, {2})
    script.at(1).in_flight = 0
    script.pool.refresh(script.now)
    assert script.at(1).state is State.GONE


def test_another_weight_counts_at_once_but_not_again_and_again() -> None:
    script = Script("a", "a")
    for _ in range(2):
        script.pool.discovered("x1", [("10.0.0.1", 1)], "a", script.now, 3)
        picked = [script.pool.pick() for _ in range(8)]
        assert sum(i is script.at(1) for i in picked) == 6
    script.at(1).weight = 1  # by hand
    script.pool.discovered("x1", [("10.0.0.1", 1)], "a", script.now, 3)
    assert script.at(1).weight == 1


def test_a_connection_that_comes_to_rest_on_one_that_leaves_is_closed() -> None:
    script = Script("a", "a")
    script.at(1).drained = True
    script.pool.refresh(script.now)
    late = Idle()
    script.at(1).idle.append(late)
    script.pool.refresh(script.now)
    assert late.closed
