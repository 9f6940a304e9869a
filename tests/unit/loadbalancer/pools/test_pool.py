"""A pool's life as scripts of events."""

import random
from typing import Any

import pytest

from loadbalancer.pools.affinity import Tie
from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.instance import Instance, State
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.retry import Failure
from loadbalancer.pools.settings import PoolSettings

READY = Outcome(Verdict.READY)
FAILED = Outcome(Verdict.FAILED, "refused", answered=False)
DRAINING = Outcome(Verdict.DRAINING, "draining")
WRONG = Outcome(Verdict.FAILED, "status 500")


class Script:
    """A pool `p` in zone a, whose instances are called by their ports."""

    def __init__(self, *zones: str, **settings: Any) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.now = 100.0
        self.pool = Pool(
            PoolSettings("p", **settings),
            "a",
            lambda event, **fields: self.told.append((event, fields)),
            random.Random(1),
        )
        for port, zone in enumerate(zones, 1):
            self.pool.discovered(f"x{port}", [("10.0.0.1", port)], zone, self.now)
        for instance in list(self.pool.instances.values()):
            self.check(instance.port, READY)

    def at(self, port: int) -> Instance:
        return self.pool.instances[f"10.0.0.1:{port}"]

    def check(self, port: int, outcome: Outcome, times: int = 1) -> None:
        for _ in range(times):
            self.now += 2
            self.pool.checked(self.at(port), outcome, self.now)

    def fail(self, port: int, times: int = 1, failure: Failure = Failure.RESET) -> None:
        for _ in range(times):
            self.pool.failed(self.at(port), failure, self.now)

    def answer(self, port: int, status: int, times: int = 1, *, decided: bool = False) -> None:
        for _ in range(times):
            if status >= 500:
                self.pool.erred(self.at(port), status, self.now, decided=decided)
            else:
                self.at(port).ejection.fine()

    def served(self) -> set[int]:
        return {i.port for _ in range(20) if (i := self.pool.pick())}

    def events(self) -> list[str]:
        return [event for event, _ in self.told]

    def state(self, port: int) -> State:
        return self.at(port).state


def test_all_that_are_up_take_turns() -> None:
    script = Script("a", "b", "b")
    assert script.served() == {1, 2, 3}
    assert script.events().count("instance up") == 3


def test_a_dead_one_is_left_out_and_comes_back() -> None:
    script = Script("a", "b", "b")
    script.check(1, FAILED, times=3)
    assert script.served() == {2, 3}
    script.check(1, READY, times=2)
    assert script.served() == {1, 2, 3}


def test_its_own_drain_counts_at_once_and_has_its_reason() -> None:
    script = Script("a", "b")
    script.check(1, DRAINING)
    assert script.served() == {2}
    assert script.state(1) is State.DRAINING
    assert script.told[-1][1]["reason"] == "draining"


def test_the_own_zone_first_and_the_others_when_it_is_down_or_full() -> None:
    script = Script("a", "b", zone_aware=True, max_connections=2)
    assert script.served() == {1}
    script.at(1).in_flight = 2
    assert script.served() == {2}
    script.at(1).in_flight = 0
    script.check(1, FAILED, times=3)
    assert script.served() == {2}


def test_the_own_zone_is_not_first_with_most_of_it_down() -> None:
    script = Script("a", "a", "a", "b", zone_aware=True)
    assert script.served() == {1, 2, 3}
    script.check(1, FAILED, times=3)
    assert script.served() == {2, 3}
    script.check(2, FAILED, times=3)
    assert script.served() == {3, 4}


# ---- slow start ----------------------------------------------------------------------------------


def share_of(script: Script, port: int) -> float:
    picked = [script.pool.pick() for _ in range(1000)]
    return sum(i is script.at(port) for i in picked) / len(picked)


@pytest.mark.parametrize("policy", ["round_robin", "random", "least_requests"])
def test_one_that_comes_back_gets_its_part_little_by_little(policy: str) -> None:
    script = Script("a", "a", slow_start=30, policy=policy)
    script.now += 100
    script.check(1, FAILED, times=3)
    script.check(1, READY, times=2)
    up = script.now
    for seconds, share in ((0, 0.1 / 1.1), (15, 0.5 / 1.5), (30, 0.5), (300, 0.5)):
        script.pool.refresh(up + seconds)
        assert share_of(script, 1) == pytest.approx(share, abs=0.05)


def test_weights_count_while_starting_slowly() -> None:
    script = Script("a", "a", slow_start=30)
    script.at(1).weight = 3
    script.now += 100
    script.check(1, FAILED, times=3)
    script.check(1, READY, times=2)
    script.pool.refresh(script.now + 15)
    assert share_of(script, 1) == pytest.approx(1.5 / 2.5, abs=0.02)


def test_who_start_together_share_at_once() -> None:
    script = Script("a", "a", slow_start=30)
    assert share_of(script, 1) == pytest.approx(0.5, abs=0.1)


def test_a_retry_goes_to_another_instance() -> None:
    script = Script("a", "b", zone_aware=True)
    assert script.pool.pick((script.at(1),)) is script.at(2)
    assert script.pool.pick((script.at(1), script.at(2))) is None


def test_three_failures_in_a_row_eject() -> None:
    script = Script("a", "b", "b")
    script.fail(1, times=2)
    assert script.state(1) is State.UP
    script.fail(1)
    assert script.state(1) is State.EJECTED
    assert script.at(1).reason == "3 in a row: connection broken"
    assert script.served() == {2, 3}


def test_an_ejected_one_comes_back_by_a_check_and_never_by_a_caller() -> None:
    script = Script("a", "b", "b")
    script.fail(1, times=3)
    script.now += 100
    script.pool.refresh(script.now)
    assert script.state(1) is State.EJECTED
    script.check(1, READY)
    assert script.state(1) is State.UP
    assert "ejection over" in script.events()


def test_a_failed_try_asks_for_a_check_at_once() -> None:
    script = Script("a", "b")
    script.now = script.at(1).check.due - 1
    script.fail(1)
    assert script.at(1).check.due == script.now


def test_one_may_always_be_ejected_and_more_only_without_panic() -> None:
    script = Script("a", "b")
    script.fail(1, times=3)
    script.fail(2, times=3)
    assert [script.state(1), script.state(2)] == [State.EJECTED, State.UP]
    four = Script("a", "a", "b", "b")
    for port in (1, 2, 3):
        four.fail(port, times=3)
    assert [four.state(p) for p in (1, 2, 3)] == [State.EJECTED, State.EJECTED, State.UP]


def test_the_only_instance_may_be_ejected_and_is_used_all_the_same() -> None:
    script = Script("a")
    script.fail(1, times=3)
    assert script.state(1) is State.EJECTED
    assert script.served() == {1}


@pytest.mark.parametrize("failure", [Failure.CONNECT, Failure.RESET, Failure.NONSENSE])
def test_failures_that_leave_no_doubt_eject_even_if_others_fail_too(failure: Failure) -> None:
    script = Script("a", "b", "b")
    script.fail(2)
    script.fail(3)
    script.fail(1, times=3, failure=failure)
    assert script.state(1) is State.EJECTED


def test_lateness_ejects_only_when_another_one_answers_sooner() -> None:
    script = Script("a", "b")
    script.fail(1, times=5, failure=Failure.TIMEOUT)
    assert script.state(1) is State.UP  # nobody has answered yet
    for _ in range(3):
        script.at(2).meter.observe(2.0)
    script.fail(1, failure=Failure.TIMEOUT)
    assert script.state(1) is State.UP  # the other one is as slow
    script.fail(2, failure=Failure.TIMEOUT)
    for _ in range(50):
        script.at(2).meter.observe(0.01)
    script.fail(1, failure=Failure.TIMEOUT)
    assert script.state(1) is State.UP  # its last request was late as well
    script.answer(2, 200)
    script.fail(1, failure=Failure.TIMEOUT)
    assert script.state(1) is State.EJECTED


def test_errors_of_all_eject_nobody() -> None:
    script = Script("a", "b")
    script.answer(2, 500)
    script.answer(1, 500, times=9)
    assert script.state(1) is State.UP
    script.answer(2, 200)
    script.answer(1, 500)
    assert script.state(1) is State.EJECTED
    assert script.at(1).meter.errors == 10


def test_a_decided_503_is_no_failure() -> None:
    script = Script("a", "b")
    script.answer(1, 503, times=9, decided=True)
    assert script.state(1) is State.UP
    assert script.at(1).meter.errors == 9


def test_below_half_all_that_speak_are_used() -> None:
    script = Script("a", "b", "b")
    script.check(1, WRONG, times=3)  # answers, and says status 500
    script.check(2, FAILED, times=3)  # does not answer
    assert script.pool.panic
    assert script.served() == {1, 3}
    script.check(1, READY, times=2)
    assert script.events().count("panic") == script.events().count("panic over") == 1


def test_if_none_speaks_all_are_used() -> None:
    script = Script("a", "b")
    script.check(1, FAILED, times=3)
    script.check(2, FAILED, times=3)
    assert script.served() == {1, 2}


def test_not_having_been_checked_is_no_panic() -> None:
    script = Script()
    script.pool.discovered("x", [("10.0.0.1", 1), ("10.0.0.1", 2)], "a", 0)
    assert not script.pool.panic
    assert script.served() == {1, 2}


def test_drain_by_hand_finishes_and_undrain_brings_back() -> None:
    script = Script("a", "b")
    script.at(1).drained = True
    script.pool.refresh(script.now)
    assert script.served() == {2}
    script.at(2).drained = True
    script.pool.refresh(script.now)
    assert script.served() == set()
    assert not script.pool.usable
    script.at(1).drained = False
    script.pool.refresh(script.now)
    assert script.served() == {1}


# ---- discovery -----------------------------------------------------------------------------------


def test_a_new_address_is_an_instance_once_it_was_checked() -> None:
    script = Script("a")
    script.pool.discovered("x9", [("10.0.0.1", 9)], "b", script.now)
    assert script.served() == {1}
    script.check(9, READY)
    assert script.served() == {1, 9}


def test_an_address_that_was_replaced_drains_and_is_gone_and_then_forgotten() -> None:
    script = Script("a", "b")
    script.at(1).in_flight = 1
    script.pool.discovered("x1", [("10.0.0.1", 7)], "a", script.now)
    assert script.state(1) is State.DRAINING
    assert script.served() == {2}
    script.at(1).in_flight = 0
    script.pool.refresh(script.now)
    assert script.state(1) is State.GONE
    script.pool.forget(script.now + 299, 300)
    assert "10.0.0.1:1" in script.pool.instances
    script.pool.forget(script.now + 300, 300)
    assert "10.0.0.1:1" not in script.pool.instances


def test_a_name_without_any_address_is_doubted_and_the_check_decides() -> None:
    script = Script("a", "b")
    script.pool.discovered("x1", [], "a", script.now)
    assert script.state(1) is State.UP  # perhaps the name service is wrong
    assert script.at(1).check.due == script.now
    script.check(1, FAILED)  # one failure is enough now
    assert script.state(1) is State.GONE
    assert script.served() == {2}


def test_it_comes_back_under_its_old_address() -> None:
    script = Script("a", "b")
    script.pool.discovered("x1", [], "a", script.now)
    script.check(1, FAILED)
    script.pool.discovered("x1", [("10.0.0.1", 1)], "a", script.now)
    script.check(1, READY, times=2)
    assert script.served() == {1, 2}


def test_it_comes_back_under_another_address_and_is_shown_once() -> None:
    script = Script("a", "b")
    script.check(1, Outcome(Verdict.READY, name="x-a-1"))
    script.pool.discovered("x1", [], "a", script.now)
    script.check(1, FAILED)
    script.pool.discovered("x1", [("10.0.0.1", 7)], "a", script.now)
    script.check(7, Outcome(Verdict.READY, name="x-a-1"))
    assert [i.address for i in script.pool.instances.values() if i.name == "x-a-1"] == [
        "10.0.0.1:7"
    ]


def test_a_name_is_found_and_so_is_an_address() -> None:
    script = Script("a")
    assert script.at(1).name == "10.0.0.1:1"
    script.check(1, Outcome(Verdict.READY, name="x-a-1", zone="a"))
    assert script.pool.find("x-a-1") is script.pool.find("10.0.0.1:1") is script.at(1)
    assert script.pool.find("nobody") is None


# ---- how long a try may take ---------------------------------------------------------------------


def test_patience_is_three_times_what_the_others_usually_take() -> None:
    script = Script("a", "b")
    script.pool.tick()
    assert script.at(1).patience == 0.2  # not known yet
    for _ in range(100):
        script.at(2).meter.observe(0.2)
    script.pool.tick()
    assert script.at(1).patience == pytest.approx(0.6, rel=0.3)


def test_a_hung_instance_does_not_make_us_patient() -> None:
    script = Script("a", "b")
    script.pool.tick()
    for _ in range(100):
        script.at(1).meter.observe(2.0)
        script.at(2).meter.observe(0.01)
    script.pool.tick()
    assert script.at(1).patience == 0.2


def test_a_few_answers_can_make_us_more_patient_and_not_less() -> None:
    script = Script("a", "b", try_seconds=0.5)
    script.pool.tick()
    script.at(2).meter.observe(0.01)
    script.pool.tick()
    assert script.at(1).patience == 0.5
    script.at(2).meter.observe(2.0)
    script.pool.tick()
    assert script.at(1).patience == 2.5


def test_what_was_learnt_outlives_a_quiet_hour() -> None:
    script = Script("a", "b")
    script.pool.tick()
    for _ in range(100):
        script.at(2).meter.observe(0.2)
    for _ in range(3600):
        script.pool.tick()
    assert script.at(1).patience == pytest.approx(0.6, rel=0.3)


def test_what_is_usual_is_never_late() -> None:
    script = Script("a", "b")
    script.pool.tick()
    for _ in range(100):
        script.at(2).meter.observe(4.0)
    script.pool.tick()
    assert script.at(1).patience >= 4.0


def test_slowness_of_all_makes_us_patient_up_to_a_limit() -> None:
    script = Script("a", "b")
    script.pool.tick()
    for port in (1, 2):
        for _ in range(100):
            script.at(port).meter.observe(2.0)
    script.pool.tick()
    assert script.at(1).patience == 2.5


class Waiter:
    movable = True

    def __init__(self) -> None:
        self.tie: Tie | None = None
        self.place: Instance | None = None

    def place_found(self, instance: Instance, _: float) -> None:
        self.place = instance


def test_what_cannot_be_repeated_is_not_for_finding_out_about_one_that_is_back() -> None:
    script = Script("a", "a")
    for _ in range(3):
        script.at(2).meter.observe(0.01)
    script.fail(1, times=3, failure=Failure.TIMEOUT)
    script.now += 5
    script.check(1, READY)
    assert script.state(1) is State.UP

    def served(*, movable: bool) -> set[int]:
        firsts = [script.pool.first(script.now, None, movable=movable) for _ in range(20)]
        return {i.port for i in firsts if i}

    assert served(movable=False) == {2}
    assert served(movable=True) == {1, 2}
    script.at(2).in_flight = script.pool.settings.max_connections
    assert served(movable=False) == {1}
    script.at(2).in_flight = 0
    script.answer(1, 200)
    assert served(movable=False) == {1, 2}


def test_who_waits_is_served_in_turn_when_there_is_room() -> None:
    script = Script("a", max_connections=1)
    first, second = Waiter(), Waiter()
    script.pool.waiting.extend([first, second])
    script.at(1).in_flight = 1
    script.pool.serve_waiting(script.now)
    assert first.place is None
    script.at(1).in_flight = 0
    script.pool.serve_waiting(script.now)
    assert first.place is script.at(1)


def test_when_one_falls_silent_those_who_wait_for_it_are_told() -> None:
    script = Script("a", "b", "b")
    silent: list[Instance] = []
    script.pool.hurry = silent.append
    for _ in range(3):
        script.at(2).meter.observe(0.01)
    script.fail(1, times=3, failure=Failure.TIMEOUT)
    script.check(2, FAILED, times=3)
    script.check(3, DRAINING)
    assert silent == [script.at(1), script.at(2)]
