"""Scripts of calls against the state machine: time and chance are the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN

from chassis.resilience.circuit import BreakerPolicy, Circuit, Outcome, Permit

POLICY = BreakerPolicy(min_calls=4, slow_call_seconds=1.0, jitter=0.0)
NOW = 1000.0


def circuit(policy: BreakerPolicy = POLICY, chance: float = 0.0) -> Circuit:
    return Circuit(policy, lambda: chance)


def admitted(machine: Circuit, now: float) -> Permit:
    permit = machine.admit(now)
    assert permit is not None
    return permit


def call(machine: Circuit, now: float, outcome: Outcome = Outcome.OK, seconds: float = 0.0) -> None:
    machine.settle(admitted(machine, now), now + seconds, outcome)


def opened(policy: BreakerPolicy = POLICY, chance: float = 0.0) -> Circuit:
    machine = circuit(policy, chance)
    for _ in range(policy.min_calls):
        call(machine, NOW, Outcome.FAILED)
    assert machine.state == STATE_OPEN
    return machine


# closed


def test_too_few_calls_are_no_evidence() -> None:
    machine = circuit()
    for _ in range(POLICY.min_calls - 1):
        call(machine, NOW, Outcome.FAILED)
    assert machine.state == STATE_CLOSED


def test_half_of_the_calls_failing_opens() -> None:
    machine = circuit()
    for outcome in (Outcome.OK, Outcome.OK, Outcome.FAILED):
        call(machine, NOW, outcome)
    assert machine.state == STATE_CLOSED
    call(machine, NOW, Outcome.FAILED)
    assert machine.state == STATE_OPEN


def test_fewer_failing_does_not_however_many_they_are() -> None:
    machine = circuit()
    for _ in range(1000):
        call(machine, NOW, Outcome.OK)
        call(machine, NOW, Outcome.OK)
        call(machine, NOW, Outcome.FAILED)
    assert machine.state == STATE_CLOSED


def test_failures_that_successes_lie_between_count_too() -> None:
    """pybreaker counts failures in a row, so a peer that fails every second call never opened."""
    machine = circuit()
    for _ in range(POLICY.min_calls // 2):
        call(machine, NOW, Outcome.OK)
        call(machine, NOW, Outcome.FAILED)
    assert machine.state == STATE_OPEN


def test_old_failures_are_forgotten() -> None:
    machine = circuit()
    for _ in range(3):
        call(machine, NOW, Outcome.FAILED)
    later = NOW + POLICY.window_seconds
    call(machine, later, Outcome.FAILED)
    assert machine.state == STATE_CLOSED
    assert machine.failures(later) == 1


def test_slow_answers_open_though_none_failed() -> None:
    machine = circuit()
    for _ in range(POLICY.min_calls):
        call(machine, NOW, Outcome.OK, seconds=1.0)
    assert machine.state == STATE_OPEN


def test_slow_answers_can_be_left_out_of_the_judgement() -> None:
    machine = circuit(BreakerPolicy(min_calls=4, slow_call_rate=1.1))
    for _ in range(10):
        call(machine, NOW, Outcome.OK, seconds=60.0)
        call(machine, NOW, Outcome.CUT_OFF, seconds=60.0)
    assert machine.state == STATE_CLOSED


def test_calls_cut_off_early_say_nothing() -> None:
    machine = circuit()
    for _ in range(100):
        call(machine, NOW, Outcome.CUT_OFF, seconds=0.99)
    for _ in range(POLICY.min_calls - 1):
        call(machine, NOW, Outcome.FAILED)
    assert machine.state == STATE_CLOSED  # the hundred are no calls to reach min_calls with


def test_calls_cut_off_late_were_slow() -> None:
    machine = circuit()
    for _ in range(POLICY.min_calls):
        call(machine, NOW, Outcome.CUT_OFF, seconds=1.0)
    assert machine.state == STATE_OPEN


def test_calls_that_were_not_made_say_nothing_however_long_they_took() -> None:
    machine = circuit()
    for _ in range(100):
        call(machine, NOW, Outcome.NOT_MADE, seconds=60.0)
    assert machine.state == STATE_CLOSED


def test_slowness_that_is_left_out_does_not_make_calls_of_those_cut_off() -> None:
    machine = circuit(BreakerPolicy(min_calls=4, slow_call_rate=1.1))
    for _ in range(3):
        call(machine, NOW, Outcome.FAILED)
    for _ in range(10):
        call(machine, NOW, Outcome.CUT_OFF, seconds=60.0)
    assert machine.state == STATE_CLOSED
    call(machine, NOW, Outcome.FAILED)
    assert machine.state == STATE_OPEN


# open


def test_open_admits_nobody_until_its_time_is_over() -> None:
    machine = opened()
    assert machine.admit(NOW) is None
    assert machine.retry_after(NOW + 2) == 3.0
    assert machine.admit(NOW + 4.999) is None
    assert machine.admit(NOW + 5.0) is not None
    assert machine.state == STATE_HALF_OPEN


def test_results_of_calls_from_before_are_ignored() -> None:
    machine = circuit()
    late = [admitted(machine, NOW) for _ in range(10)]
    for _ in range(POLICY.min_calls):
        call(machine, NOW, Outcome.FAILED)
    admitted(machine, NOW + 5)
    for permit in late:
        machine.settle(permit, NOW + 5, Outcome.OK)
    assert machine.state == STATE_HALF_OPEN
    assert machine.good_probes == 0


# half-open


def test_no_more_probes_than_permits() -> None:
    machine = opened()
    probes = [machine.admit(NOW + 5) for _ in range(50)]
    assert sum(probe is not None for probe in probes) == POLICY.permits
    assert machine.retry_after(NOW + 5) == POLICY.slow_call_seconds


def test_closes_once_the_probes_cannot_be_bad_enough_any_more() -> None:
    machine = opened()
    call(machine, NOW + 5)
    assert machine.state == STATE_HALF_OPEN
    call(machine, NOW + 5)
    assert machine.state == STATE_CLOSED


def test_one_bad_probe_of_three_is_tolerated() -> None:
    machine = opened()
    call(machine, NOW + 5, Outcome.FAILED)
    call(machine, NOW + 5)
    call(machine, NOW + 5)
    assert machine.state == STATE_CLOSED


@pytest.mark.parametrize(
    ("outcome", "seconds"), [(Outcome.FAILED, 0.0), (Outcome.OK, 1.0), (Outcome.CUT_OFF, 1.0)]
)
def test_two_bad_probes_of_three_open_again(outcome: Outcome, seconds: float) -> None:
    machine = opened()
    call(machine, NOW + 5, outcome, seconds)
    call(machine, NOW + 5, outcome, seconds)
    assert machine.state == STATE_OPEN


def test_closing_starts_with_a_clean_window() -> None:
    machine = opened()
    call(machine, NOW + 5)
    call(machine, NOW + 5)
    call(machine, NOW + 5, Outcome.FAILED)
    assert machine.state == STATE_CLOSED
    assert machine.failures(NOW + 5) == 1


@pytest.mark.parametrize("outcome", [Outcome.CUT_OFF, Outcome.NOT_MADE])
def test_a_probe_without_a_result_gives_its_permit_back(outcome: Outcome) -> None:
    machine = opened()
    for _ in range(20):
        call(machine, NOW + 5, outcome)
    assert machine.state == STATE_HALF_OPEN
    assert machine.admit(NOW + 5) is not None


def test_each_half_open_period_counts_its_own_probes() -> None:
    machine = opened()
    call(machine, NOW + 5)
    call(machine, NOW + 5, Outcome.FAILED)
    call(machine, NOW + 5, Outcome.FAILED)
    assert machine.state == STATE_OPEN
    call(machine, NOW + 15)
    assert machine.state == STATE_HALF_OPEN


def test_a_slow_probe_is_a_good_one_where_slowness_is_left_out() -> None:
    machine = opened(BreakerPolicy(min_calls=4, slow_call_rate=1.1, jitter=0.0))
    call(machine, NOW + 5, Outcome.OK, seconds=60.0)
    call(machine, NOW + 5, Outcome.OK, seconds=60.0)
    assert machine.state == STATE_CLOSED


def test_probes_that_never_end_do_not_shut_the_circuit_for_good() -> None:
    machine = opened()
    for _ in range(POLICY.permits):
        admitted(machine, NOW + 5)
    assert machine.admit(NOW + 34.9) is None
    assert machine.state == STATE_HALF_OPEN
    assert machine.admit(NOW + 35.0) is None
    assert machine.state == STATE_OPEN
    assert machine.retry_after(NOW + 35.0) == 10.0


# the open time


def test_the_open_time_doubles_up_to_its_cap() -> None:
    machine = opened()
    now, waits = NOW, []
    for _ in range(6):
        wait = machine.retry_after(now)
        waits.append(wait)
        now += wait
        call(machine, now, Outcome.FAILED)
        call(machine, now, Outcome.FAILED)
    assert waits == [5, 10, 20, 40, 60, 60]


def test_a_peer_that_recovers_only_for_a_moment_does_not_start_over() -> None:
    machine = opened()
    call(machine, NOW + 5)
    call(machine, NOW + 5)
    for _ in range(POLICY.min_calls):
        call(machine, NOW + 6, Outcome.FAILED)
    assert machine.retry_after(NOW + 6) == 10.0


def test_after_a_good_while_it_starts_over() -> None:
    machine = opened()
    call(machine, NOW + 5)
    call(machine, NOW + 5)
    for _ in range(POLICY.min_calls):
        call(machine, NOW + 15, Outcome.FAILED)
    assert machine.retry_after(NOW + 15) == 5.0


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_quarter_of_the_open_time_is_left_to_chance(chance: float) -> None:
    machine = opened(BreakerPolicy(min_calls=1, jitter=0.25), chance)
    assert machine.retry_after(NOW) == pytest.approx(5.0 * (1 - 0.25 * chance))


def test_instances_that_opened_together_do_not_probe_together() -> None:
    times = {opened(BreakerPolicy(min_calls=1), i / 10).retry_after(NOW) for i in range(10)}
    assert len(times) == 10


# by hand, and the policy


def test_by_hand() -> None:
    machine = circuit()
    machine.open(NOW)
    assert machine.admit(NOW) is None
    machine.half_open()
    assert machine.admit(NOW) is not None
    machine.close(NOW)
    assert machine.state == STATE_CLOSED


@pytest.mark.parametrize(
    "wrong",
    [
        {"failure_rate": 0.0},
        {"failure_rate": 1.1},
        {"slow_call_rate": 0.0},
        {"min_calls": 0},
        {"permits": 0},
        {"open_seconds": 0.0},
        {"open_seconds": 61.0},
        {"jitter": 1.1},
    ],
)
def test_a_policy_that_could_not_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"rate|call|open time"):
        BreakerPolicy(**wrong)  # type: ignore[arg-type]  # wrong on purpose


# whatever happens


@st.composite
def policies(draw: st.DrawFn) -> BreakerPolicy:
    return BreakerPolicy(
        min_calls=draw(st.integers(1, 6)),
        failure_rate=draw(st.sampled_from([0.1, 0.3, 0.5, 2 / 3, 1.0])),
        slow_call_rate=draw(st.sampled_from([0.5, 1.0, 2.0])),
        permits=draw(st.integers(1, 5)),
        jitter=draw(st.sampled_from([0.0, 0.5, 1.0])),
    )


steps = st.lists(
    st.tuples(
        st.sampled_from(["admit", "settle", "wait"]),
        st.sampled_from(list(Outcome)),
        st.floats(min_value=0, max_value=8),
    ),
    max_size=120,
)


@given(policies(), steps, st.floats(min_value=0, max_value=1, exclude_max=True))
def test_the_rules_hold_in_any_order_of_events(
    policy: BreakerPolicy, script: list[tuple[str, Outcome, float]], chance: float
) -> None:
    machine = Circuit(policy, lambda: chance)
    now = NOW
    out: list[Permit] = []
    for action, outcome, number in script:
        before = machine.state
        if action == "wait":
            now += number
        elif action == "admit":
            permit = machine.admit(now)
            assert (permit is None) == (machine.state != STATE_CLOSED) or (
                machine.state == STATE_HALF_OPEN
            )
            if permit is not None:
                out.append(permit)
        elif out:
            machine.settle(out.pop(int(number) % len(out)), now, outcome)
            if before == STATE_OPEN:
                assert machine.state == STATE_OPEN  # no late result wakes it
        if machine.state == STATE_HALF_OPEN:
            probes = [p for p in out if p.period == machine._period]
            assert len(probes) <= policy.permits
        assert 0 <= machine.retry_after(now) <= policy.open_max_seconds


@given(policies(), st.lists(st.booleans(), min_size=5, max_size=5))
def test_as_many_results_as_permits_always_decide(
    policy: BreakerPolicy, results: list[bool]
) -> None:
    machine = circuit(policy)
    machine.half_open()
    probes = [admitted(machine, NOW) for _ in range(policy.permits)]
    for permit, good in zip(probes, results, strict=False):
        machine.settle(permit, NOW, Outcome.OK if good else Outcome.FAILED)
    bad = results[: policy.permits].count(False)
    too_bad = bad / policy.permits >= policy.failure_rate
    assert machine.state == (STATE_OPEN if too_bad else STATE_CLOSED)
