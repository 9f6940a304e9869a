"""The tries of one request: where it goes when one fails, and what the caller gets if all do."""

import pytest

from loadbalancer.datapath.sides import Phase
from loadbalancer.pools.settings import RetrySettings
from tests.unit.loadbalancer.script import KEY, POST, Caller, Make


def test_nothing_sent_goes_elsewhere_whatever_it_is(make: Make) -> None:
    script = make(3)
    script.ask(b"Content-Length: 2", start=POST, body=b"hi")
    script.exchange.connect_failed()
    script.exchange.connect_failed()
    assert len({i.address for i in script.dials}) == 3
    assert script.connect().sent.endswith(b"hi")
    assert script.pool.budget.retries == 0
    assert script.pool.retries == 2


@pytest.mark.parametrize("lines", [[KEY], []])
def test_who_could_not_be_reached_is_dialed_again_in_turn(make: Make, lines: list[bytes]) -> None:
    script = make()
    script.ask(*lines, start=POST)
    for _ in range(3):
        script.exchange.connect_failed()
    one, other, *again = script.dials
    assert one is not other
    assert again == [one, other]
    assert script.connect().sent
    assert script.pool.budget.retries == 0


@pytest.mark.parametrize("instances", [1, 2])
def test_if_none_can_be_reached_it_is_a_503(make: Make, instances: int) -> None:
    script = make(instances)
    script.ask()
    for _ in range(5):
        assert script.caller.did == []
        script.exchange.connect_failed()
    assert script.caller.did == ["503 no-instance"]
    assert [i.ejection.failures for i in script.pool.instances.values()] == [1] * instances
    assert script.settled


@pytest.mark.parametrize(
    ("start", "lines", "again"),
    [
        (b"GET / HTTP/1.1", [], True),
        (b"DELETE / HTTP/1.1", [], True),
        (POST, [KEY], True),
        (POST, [], False),
        (b"PATCH / HTTP/1.1", [], False),
    ],
)
@pytest.mark.parametrize("how", ["lost", "nonsense"])
def test_sent_and_unanswered(
    make: Make, start: bytes, lines: list[bytes], again: bool, how: str
) -> None:
    script = make()
    script.ask(*lines, b"Content-Length: 2", start=start, body=b"hi")
    first = script.connect()
    if how == "lost":
        script.exchange.link_lost()
    else:
        script.exchange.nonsense()
        assert first.did == ["drop"]
    if not again:
        assert script.caller.did == ["502 instance-failed"]
        assert len(script.dials) == 1
        assert script.settled
        return
    second = script.connect()
    assert second.instance is not first.instance
    # The same request, body and id included; only the time left differs.
    assert second.sent == first.sent
    assert script.pool.retries == 1
    assert script.exchange.tries == 2


def test_a_body_that_is_not_kept_cannot_be_sent_again(make: Make) -> None:
    script = make(retry=RetrySettings(keep_body=1))
    script.ask(KEY, b"Content-Length: 2", start=POST, body=b"hi")
    script.connect()
    script.exchange.link_lost()
    assert script.caller.did == ["502 instance-failed"]


@pytest.mark.parametrize(
    ("lines", "body", "waits"),
    [
        ([KEY, b"Content-Length: 2"], b"hi", False),
        ([KEY, b"Content-Length: 3"], b"hi!", True),  # longer than what is kept
        ([KEY, b"Content-Length: 3", b"Expect: 100-continue"], b"", True),
        ([b"Content-Length: 2"], b"hi", True),
    ],
)
def test_only_what_can_be_sent_elsewhere_as_well_finds_out_about_an_instance_that_is_back(
    make: Make, lines: list[bytes], body: bytes, waits: bool
) -> None:
    script = make(retry=RetrySettings(keep_body=2))
    back = next(iter(script.pool.instances.values()))
    script.now += back.ejection.eject("3 in a row", script.now)
    assert back.ejection.check_succeeded(script.now)
    for _ in range(20):
        script.ask(*lines, start=POST, body=body)
    assert (back in script.dials) is not waits


def test_a_dead_pooled_connection_costs_no_try_and_blames_nobody(make: Make) -> None:
    script = make(pooled=True)
    script.ask()
    stale = script.links[0]
    script.exchange.link_lost()
    assert len(script.dials) == 1  # a new connection, although there may be pooled ones
    assert script.pool.budget.retries == 0
    assert stale.instance.meter.errors == 0
    script.connect()
    assert script.exchange.tries == 1


def test_a_try_that_is_over_leaves_its_place_to_the_next(make: Make) -> None:
    script = make(1, pooled=True, max_connections=1)
    script.ask()
    script.exchange.link_lost()
    script.connect()
    script.answer(b"Content-Length: 0")
    assert script.caller.did == ["keep"]
    assert script.settled


HASTE = b"X-Request-Timeout-Ms: 30"


def test_a_caller_in_a_hurry_proves_nothing_about_the_instance(make: Make) -> None:
    script = make()
    for _ in range(20):
        script.ask(HASTE)
        script.connect()
        if script.links[-1].instance.port == 0:
            script.later(0.01)
            script.answer(b"Content-Length: 0", status=504)
        else:
            script.later(0.05)
    assert {i.meter.errors for i in script.pool.instances.values()} == {0}
    assert script.caller.did.count("504 deadline-missed") == 10
    assert script.settled


def test_a_dead_pooled_connection_is_no_excuse_to_send_an_unkeyed_post_twice(make: Make) -> None:
    script = make(pooled=True)
    script.ask(start=POST)
    script.exchange.link_lost()
    assert script.caller.did == ["502 instance-failed"]
    assert script.dials == []


def test_without_hedging_late_goes_elsewhere_and_leaves_the_first_try(make: Make) -> None:
    script = make(retry=RetrySettings(hedge=False))
    script.ask()
    first = script.connect()
    script.later(0.19)
    assert first.did == []
    script.later(0.02)
    assert first.did == ["drop"]
    second = script.connect()
    assert b"X-Request-Timeout-Ms: 4789" in second.sent  # 0.21 s less, rounded down
    script.answer(b"Content-Length: 0")
    assert script.caller.did == ["keep"]
    assert script.settled


def test_late_waits_on_where_there_is_nowhere_else_and_until_the_deadline(make: Make) -> None:
    script = make(1)
    script.ask()
    link = script.connect()
    script.later(1.1)
    assert link.did == []
    script.later(4)
    assert script.caller.did == ["504 deadline-missed"]
    assert script.pool.instances["10.0.0.1:0"].meter.errors == 1
    assert script.settled


def test_an_unkeyed_post_waits_for_its_deadline(make: Make) -> None:
    script = make()
    script.ask(start=POST)
    script.connect()
    script.later(4.9)
    assert script.caller.did == []
    script.later(0.2)
    assert script.caller.did == ["504 deadline-missed"]


def test_the_caller_can_only_shorten_the_deadline(make: Make) -> None:
    short, long = make(), make()
    short.ask(b"X-Request-Timeout-Ms: 200")
    assert b"X-Request-Timeout-Ms: 200" in short.connect().sent
    long.ask(b"X-Request-Timeout-Ms: 99999")
    assert b"X-Request-Timeout-Ms: 5000" in long.connect().sent


def test_a_deadline_that_has_passed_already_asks_nobody(make: Make) -> None:
    script = make()
    script.ask(b"X-Request-Timeout-Ms: 0")
    assert script.caller.did == ["504 deadline-missed"]
    assert script.dials == []
    assert script.settled


def test_with_the_budget_spent_late_waits(make: Make) -> None:
    script = make(retry=RetrySettings(budget=0, budget_min=0))
    script.ask()
    link = script.connect()
    script.later(1.1)
    assert link.did == []
    assert script.pool.budget.refused == 1
    script.answer(b"Content-Length: 0")
    assert script.caller.did == ["keep"]


def test_connecting_takes_too_long(make: Make) -> None:
    script = make()
    script.ask()
    script.later(0.31)
    assert script.caller.did == ["stop dialing"]
    assert len(script.dials) == 2


def test_a_full_pool_lets_wait_and_serves_in_turn(make: Make) -> None:
    script = make(max_requests=1)
    script.ask()
    script.connect()
    first, caller = script.exchange, script.caller
    script.caller = Caller()
    script.ask()
    assert script.exchange.phase is Phase.WAITING
    waiting, script.exchange = script.exchange, first
    script.answer(b"Content-Length: 0")
    assert caller.did == ["keep"]
    assert waiting.phase is Phase.CONNECTING


def test_waiting_ends_with_a_503_and_too_many_are_refused_at_once(make: Make) -> None:
    script = make(max_requests=0, max_waiting=1)
    script.ask()
    waiting, caller = script.exchange, script.caller
    script.caller = Caller()
    script.ask()
    assert script.caller.did == ["503 overloaded"]
    script.exchange = waiting
    script.later(0.6)
    assert caller.did == ["503 overloaded"]
    assert not script.pool.waiting


def test_an_empty_pool_is_a_503_at_once(make: Make) -> None:
    script = make(0)
    script.ask()
    assert script.caller.did == ["503 no-instance"]


def test_when_its_instance_falls_silent_a_request_goes_elsewhere_at_once(make: Make) -> None:
    script = make()
    script.ask()
    script.connect()
    script.exchange.hurry()
    script.later(0.01)
    assert len(script.dials) == 2


def test_when_its_instance_falls_silent_an_unkeyed_post_still_waits(make: Make) -> None:
    script = make()
    script.ask(start=POST)
    link = script.connect()
    script.exchange.hurry()
    script.later(0.01)
    assert link.did == []
    script.answer(b"Content-Length: 0")
    assert script.caller.did == ["keep"]


# ---- answers that say `my fault` -----------------------------------------------------------------

OK = b"Content-Length: 0"


@pytest.mark.parametrize(("start", "lines"), [(b"GET / HTTP/1.1", []), (POST, [KEY])])
def test_an_error_answer_is_not_passed_on_while_another_instance_does_better(
    make: Make, start: bytes, lines: list[bytes]
) -> None:
    script = make()
    script.ask(*lines, start=start)
    first = script.connect()
    script.answer(b"Content-Length: 9", status=500, body=b"oh")
    assert (script.caller.sent, first.did) == (b"", ["drop"])
    second = script.connect()
    assert second.instance is not first.instance
    script.answer(OK)
    assert script.caller.sent.startswith(b"HTTP/1.1 200 ")
    assert first.instance.ejection.errors == 1
    assert first.instance.ejection.failures == 0
    assert script.pool.retries == 1
    assert script.settled


@pytest.mark.parametrize(
    ("start", "status", "lines"),
    [
        (POST, 500, []),  # it may have had an effect
        (b"GET / HTTP/1.1", 501, []),  # it would be the same everywhere
        (b"GET / HTTP/1.1", 503, [b"Retry-After: 1"]),  # it is a decision
    ],
)
def test_others_are(make: Make, start: bytes, status: int, lines: list[bytes]) -> None:
    script = make()
    script.ask(start=start)
    script.connect()
    script.answer(OK, *lines, status=status)
    assert script.caller.sent.startswith(b"HTTP/1.1 %d " % status)
    assert script.settled


def test_if_all_err_nothing_is_repeated(make: Make) -> None:
    script = make()
    for _ in range(10):
        script.ask()
        script.connect()
        script.answer(OK, status=500)
        if script.exchange.phase is not Phase.DONE:
            script.connect()
            script.answer(OK, status=500)
        assert script.caller.sent.startswith(b"HTTP/1.1 500 ")
    assert script.pool.retries == 1
    assert script.settled


def test_it_can_be_switched_off(make: Make) -> None:
    script = make(retry=RetrySettings(errors=False))
    script.ask()
    script.connect()
    script.answer(OK, status=500)
    assert script.caller.sent.startswith(b"HTTP/1.1 500 ")
    assert script.settled


def test_errors_now_and_then_are_repeated_within_the_budget(make: Make) -> None:
    script = make(retry=RetrySettings(budget=0, budget_min=0))
    for at in range(200):  # every other answer of one instance is an error: it is never ejected
        script.ask()
        while script.exchange.phase is not Phase.DONE:
            bad = script.connect().instance.port == 0 and at % 4 < 2
            script.answer(OK, status=500 if bad else 200)
    assert script.pool.retries == 5
    assert script.front.statuses[500] > 20


def test_an_instance_that_always_errs_is_ejected_and_nobody_sees_it(make: Make) -> None:
    script = make(3)
    for _ in range(60):
        script.ask()
        while script.exchange.phase is not Phase.DONE:
            bad = script.connect().instance.port == 0
            script.answer(OK, status=500 if bad else 200)
    assert set(script.front.statuses) == {200}
    assert script.pool.instances["10.0.0.1:0"].ejection.active
