"""Hedging: what is late is listened to while another instance is asked. The first answer counts."""

import pytest

from loadbalancer.datapath.sides import Phase
from loadbalancer.pools.instance import State
from loadbalancer.pools.settings import RetrySettings
from tests.unit.loadbalancer.script import KEY, POST, Make, Script

DONE = b"Content-Length: 0"
AGAIN = b"Retry-After: 1"


def hedged(
    make: Make, instances: int = 2, *lines: bytes, start: bytes = b"GET / HTTP/1.1"
) -> Script:
    """A request whose first try was late, and whose second one is under way."""
    script = make(instances)
    script.ask(*lines, start=start)
    script.connect()
    script.later(0.21)
    script.connect()
    return script


def test_a_hung_instance_costs_no_more_than_the_patience_with_one_that_is_not_known(
    make: Make,
) -> None:
    script = hedged(make)
    first, second = script.links
    assert (first.did, first.instance is second.instance) == ([], False)
    assert script.now - script.exchange.began < 0.25
    script.answer(DONE)
    assert script.caller.did == ["keep"]
    assert (first.did, second.did) == (["drop"], ["release"])
    assert script.settled
    assert script.pool.budget.retries == 1
    assert script.pool.retries == 1
    assert (first.instance.answered, second.instance.answered) == (0, script.now)


def test_one_that_is_merely_slow_gives_its_answer_all_the_same(make: Make) -> None:
    script = hedged(make)
    first, second = script.links
    script.later(0.1)
    script.answer(b"Content-Length: 5", body=b"he", link=0)
    assert second.did == ["drop"]
    script.exchange.answer_data(b"llo")
    assert script.caller.sent.endswith(b"hello")
    assert first.did == ["release"]
    assert first.instance.meter.seconds == pytest.approx(0.31)
    assert first.instance.ejection.failures == 0
    assert second.instance.meter.requests == 0  # that it took less than a moment teaches nothing
    assert script.settled


def test_it_gives_its_answer_also_while_the_other_one_is_still_being_reached(make: Make) -> None:
    script = make()
    script.ask()
    script.connect()
    script.later(0.21)
    script.answer(DONE, link=0)
    assert script.caller.did == ["stop dialing", "keep"]
    assert script.settled


@pytest.mark.parametrize(
    ("start", "lines"), [(POST, [KEY]), (b"PUT / HTTP/1.1", []), (b"DELETE / HTTP/1.1", [])]
)
def test_what_may_be_repeated_is_hedged_as_well(
    make: Make, start: bytes, lines: list[bytes]
) -> None:
    script = hedged(make, 2, *lines, start=start)
    assert script.links[1].sent.startswith(start)
    script.answer(DONE)
    assert script.settled


def test_what_may_not_be_repeated_never_is(make: Make) -> None:
    script = make()
    script.ask(start=POST)
    script.connect()
    script.later(4)
    assert len(script.dials) == 1


@pytest.mark.parametrize(
    ("link", "status", "keyed", "lines"),
    [
        (0, 409, True, [AGAIN]),
        (0, 500, True, [AGAIN]),
        (0, 503, False, []),
        (1, 409, True, [AGAIN]),
        (1, 500, True, [AGAIN]),
        (1, 503, False, []),
        (1, 503, False, [AGAIN]),  # the late one may have done it meanwhile
    ],
)
def test_an_answer_that_may_be_bettered_is_not_taken_while_another_try_runs(
    make: Make, link: int, status: int, keyed: bool, lines: list[bytes]
) -> None:
    script = hedged(make, 2, *([KEY] if keyed else []), start=POST if keyed else b"GET / HTTP/1.1")
    script.answer(DONE, *lines, status=status, link=link)
    assert script.caller.did == []
    assert script.links[link].did == ["drop"]
    script.later(1)
    script.answer(DONE, status=201, link=1 - link)
    assert script.caller.sent.startswith(b"HTTP/1.1 201 ")
    assert script.settled


def test_one_that_was_late_and_says_when_to_come_back_is_believed_at_once(make: Make) -> None:
    script = hedged(make, 2, KEY, start=POST)
    script.later(0.6)
    script.answer(DONE, AGAIN, status=503, link=0)
    assert script.caller.sent.startswith(b"HTTP/1.1 503 ")
    assert script.links[1].did == ["drop"]
    assert script.settled


def test_a_409_without_a_key_is_an_answer(make: Make) -> None:
    script = hedged(make)
    script.answer(DONE, status=409)
    assert script.caller.sent.startswith(b"HTTP/1.1 409 ")


def test_if_all_say_so_it_is_the_answer(make: Make) -> None:
    script = hedged(make)
    script.answer(DONE, status=503, link=0)
    script.answer(DONE, AGAIN, status=503, link=1)
    assert script.caller.sent.startswith(b"HTTP/1.1 503 ")
    assert script.settled


def test_the_late_one_breaks_off_and_the_other_one_goes_on(make: Make) -> None:
    for how in ("link_lost", "nonsense"):
        script = hedged(make)
        getattr(script.links[0].asker, how)()
        assert script.caller.did == []
        script.answer(DONE)
        assert script.caller.did == ["keep"]
        assert script.settled


def test_the_other_one_breaks_off_and_the_late_one_is_waited_for(make: Make) -> None:
    script = hedged(make)
    script.exchange.link_lost()
    assert script.caller.did == []
    script.later(1)
    script.answer(DONE, link=0)
    assert script.caller.did == ["keep"]
    assert script.settled


def test_the_other_one_cannot_be_reached_and_the_late_one_is_waited_for(make: Make) -> None:
    script = make()
    script.ask()
    script.connect()
    script.later(0.21)
    script.exchange.connect_failed()
    assert len(script.dials) == 2  # it is not asked a second time beside the first
    script.answer(DONE, link=0)
    assert script.caller.did == ["keep"]
    assert script.settled


def test_with_two_hung_a_third_is_asked_and_all_are_listened_to(make: Make) -> None:
    script = hedged(make, 3)
    script.later(0.21)
    script.connect()
    assert len({link.instance.port for link in script.links}) == 3
    script.answer(DONE, link=0)
    assert [link.did for link in script.links] == [["release"], ["drop"], ["drop"]]
    assert script.settled


def test_a_request_is_not_late_while_its_instance_answers_what_came_after_it(make: Make) -> None:
    script = make()
    script.ask()
    instance = script.connect().instance
    for _ in range(5):
        script.later(0.15)
        instance.answered = script.now - 0.01
    assert len(script.dials) == 1
    assert instance.ejection.failures == 0


def test_an_instance_that_falls_silent_is_late_its_patience_after_what_it_answered(
    make: Make,
) -> None:
    script = make()
    script.ask()
    script.connect().instance.answered = script.now + 0.05
    script.later(0.21)
    assert len(script.dials) == 1
    script.later(0.05)
    assert len(script.dials) == 2


def test_one_that_answers_slowly_is_late(make: Make) -> None:
    """What it answers was sent longer ago than its patience."""
    script = make()
    script.ask()
    script.connect().instance.answered = script.now - 0.3
    script.later(0.21)
    assert len(script.dials) == 2


def test_nobody_else_is_asked_where_all_are_late_and_nobody_is_blamed(make: Make) -> None:
    script = make()
    script.ask()
    instance = script.connect().instance
    (other,) = (i for i in script.pool.instances.values() if i is not instance)
    other.in_flight, other.busy_since = 1, script.now
    script.later(0.21)
    assert len(script.dials) == 1
    assert instance.ejection.failures == script.pool.budget.retries == 0
    other.answered = script.now + 0.1  # it has come to life
    script.later(0.21)
    assert script.dials[1:] == [other]


def test_who_was_given_work_just_now_is_not_late(make: Make) -> None:
    script = make()
    script.ask()
    instance = script.connect().instance
    script.later(0.15)
    (other,) = (i for i in script.pool.instances.values() if i is not instance)
    other.in_flight, other.busy_since = 1, script.now
    script.later(0.06)
    assert script.dials[1:] == [other]


def test_one_that_was_found_dead_is_given_up_whatever_it_answered_before(make: Make) -> None:
    script = make()
    script.ask()
    instance = script.connect().instance
    instance.answered = script.now + 0.1
    script.later(0.1)
    instance.state = State.EJECTED
    script.exchange.hurry()
    script.later(0.01)
    assert len(script.dials) == 2


def test_when_nobody_answers_it_is_a_504_at_the_deadline(make: Make) -> None:
    script = hedged(make)
    while script.exchange.phase is not Phase.DONE:
        script.later(0.25)
    assert script.caller.did == ["504 deadline-missed"]
    assert script.now - script.exchange.began == pytest.approx(5, abs=0.3)
    assert [link.did for link in script.links] == [["drop"], ["drop"]]
    assert script.settled


def test_a_caller_that_leaves_ends_all_tries(make: Make) -> None:
    script = hedged(make)
    script.exchange.caller_lost()
    assert [link.did for link in script.links] == [["drop"], ["drop"]]
    assert script.settled


def test_interim_answers_of_a_late_try_are_not_passed_on(make: Make) -> None:
    script = hedged(make)
    assert script.answer(status=103, link=0)
    assert script.caller.sent == b""


def test_a_late_tunnel_is_one(make: Make) -> None:
    script = hedged(make, 2, b"Connection: Upgrade", b"Upgrade: websocket")
    script.answer(b"Connection: Upgrade", b"Upgrade: websocket", status=101, link=0)
    assert script.exchange.phase is Phase.TUNNEL
    assert script.links[1].did == ["drop"]
    script.exchange.link_lost()
    assert script.settled


def test_hedges_are_taken_from_the_budget(make: Make) -> None:
    script = make(retry=RetrySettings(budget=0, budget_min=1))
    for asked, dialed in ((1, 2), (2, 3)):
        script.ask()
        script.connect()
        script.later(0.21)
        assert script.pool.budget.retries == 1
        assert len(script.dials) == dialed, asked


def test_a_pool_that_takes_two_seconds_is_left_alone_as_soon_as_that_is_known(make: Make) -> None:
    script = make()
    for second in range(30):
        script.ask()
        script.connect()
        if second:
            script.later(1.9)
        else:
            script.later(0.21)
            script.connect()
            script.later(1.8)
        script.answer(DONE, link=-2 if not second else -1)
        script.pool.tick()
    assert script.pool.budget.retries == 1
    assert script.settled


def test_who_was_asked_for_leave_and_is_late_is_not_waited_for(make: Make) -> None:
    """Its share of the body would have gone to the other one."""
    script = hedged(
        make, 2, b"Expect: 100-continue", b"Content-Length: 100000", start=b"PUT / HTTP/1.1"
    )
    first, second = script.links
    assert first.did == ["drop"]
    assert script.answer(status=100)
    script.exchange.receive(b"x" * 70_000)
    script.exchange.link_lost()
    assert script.caller.did == ["502 instance-failed, close"]
    assert (first.sent.count(b"x" * 100), second.sent.count(b"x" * 100)) == (0, 700)
    assert script.settled
