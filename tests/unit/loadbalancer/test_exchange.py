"""One request as a script: what the caller sends, what instances do, and what comes of it."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from loadbalancer import exchange as module
from loadbalancer.exchange import Exchange
from loadbalancer.front import Front, FrontSettings
from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.instance import Instance
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings, RetrySettings
from loadbalancer.routes import Route, Routes
from loadbalancer.sides import LinkSide, Phase
from loadbalancer.wire.canonical import Hop
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.reject import Problem
from loadbalancer.wire.request import RequestHead, RequestParser
from loadbalancer.wire.response import ResponseParser

LIMITS = Limits(body=200_000)
PARSER = RequestParser(LIMITS)
ANSWER = ResponseParser(LIMITS)


class Side:
    """What was done to one side of the exchange."""

    def __init__(self) -> None:
        self.sent = b""
        self.did: list[str] = []
        self.stuck = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def pause(self) -> None:
        self.did.append("pause")

    def resume(self) -> None:
        if "pause" in self.did:  # as real ones, which else do nothing
            self.did.append("resume")

    def half_close(self) -> None:
        self.did.append("half close")

    def drop(self) -> None:
        self.did.append("drop")


class Caller(Side):
    peer = b"9.9.9.9"

    def done(self, now: float, *, keep: bool) -> None:
        self.did.append("keep" if keep else "close")

    def refuse(self, problem: Problem, *, head: RequestHead, keep: bool, now: float) -> None:
        self.did.append(f"{problem.status} {problem.name}" + ("" if keep else ", close"))


class Link(Side):
    def __init__(self, instance: Instance, *, used: bool) -> None:
        super().__init__()
        self.instance = instance
        self.used = used
        self.heard = False

    @property
    def stale(self) -> bool:
        return self.used and not self.heard

    def carry(self, exchange: Exchange, data: bytes) -> None:
        self.sent += data

    def release(self, now: float) -> None:
        self.did.append("release")


class Script:
    """A pool of instances a, b, c …; what goes to them is in `links`, newest last."""

    def __init__(self, instances: int = 2, *, pooled: bool = False, **settings: Any) -> None:
        self.now = 1000.0
        self.pool = Pool(PoolSettings("p", **settings), "", lambda *_, **__: None, random.Random(1))
        for port in range(instances):
            self.pool.discovered(str(port), [("10.0.0.1", port)], "", self.now)
            self.pool.checked(
                self.pool.instances[f"10.0.0.1:{port}"], Outcome(Verdict.READY), self.now
            )
        self.front = Front(
            FrontSettings("l"), Routes([Route("p")], {"p": self.pool}), Hop("lb"),
            served_by="a/lb", log_access=lambda *_: None, limits=LIMITS,
        )  # fmt: skip
        self.front.dial = self.dial
        self.front.pooled = self.take
        self.pooled = pooled
        self.caller = Caller()
        self.links: list[Link] = []
        self.dials: list[Instance] = []
        self.exchange: Exchange

    def dial(self, instance: Instance, exchange: Exchange) -> None:
        self.dials.append(instance)
        exchange.dialing = lambda: self.caller.did.append("stop dialing")

    def take(self, instance: Instance) -> LinkSide | None:
        if not self.pooled:
            return None
        self.links.append(Link(instance, used=True))
        return self.links[-1]

    def ask(self, *lines: bytes, start: bytes = b"GET / HTTP/1.1", body: bytes = b"") -> bytes:
        reader = HeadReader(LIMITS)
        cut = reader.feed(b"\r\n".join((start, b"Host: x", *lines, b"", body)))
        assert cut is not None
        self.exchange = Exchange(self.caller, self.front, self.pool, PARSER.parse(cut), self.now)
        return self.exchange.begin(reader.rest)

    def connect(self) -> Link:
        self.links.append(Link(self.dials[-1], used=False))
        self.exchange.connected(self.links[-1], self.now)
        return self.links[-1]

    def answer(self, *lines: bytes, status: int = 200, body: bytes = b"") -> bool:
        head = ANSWER.parse([b"HTTP/1.1 %d X" % status, *lines], self.exchange.head.method)
        self.links[-1].heard = True
        return self.exchange.answer(head, body)

    def later(self, seconds: float) -> None:
        self.now += seconds
        if self.exchange.due <= self.now and self.exchange.phase is not Phase.DONE:
            self.exchange.expired(self.now)

    @property
    def settled(self) -> bool:
        """Nothing is counted as under way any more."""
        return (
            self.exchange.phase is Phase.DONE
            and self.pool.in_flight == 0
            and not self.front.active
            and all(i.in_flight == 0 for i in self.pool.instances.values())
        )


Make = Callable[..., Script]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    def script(instances: int = 2, **options: Any) -> Script:
        made = Script(instances, **options)
        monkeypatch.setattr(module, "clock", lambda: made.now)
        return made

    return script


POST = b"POST / HTTP/1.1"
KEY = b"Idempotency-Key: k"


def test_a_request_and_its_answer(make: Make) -> None:
    script = make()
    assert script.ask() == b""
    link = script.connect()
    assert link.sent.startswith(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert link.sent.endswith(b"\r\nX-Request-Timeout-Ms: 5000\r\n\r\n")
    script.now += 0.1
    script.answer(b"Content-Length: 5", body=b"he")
    script.exchange.answer_data(b"llo")
    assert script.caller.sent.endswith(b"\r\n\r\nhello")
    assert (script.caller.did, link.did) == (["keep"], ["release"])
    assert script.settled
    assert script.exchange.instance is not None
    assert script.exchange.instance.meter.requests == 1


def test_bytes_after_the_request_are_given_back(make: Make) -> None:
    script = make()
    assert script.ask(b"Content-Length: 2", start=POST, body=b"hiGET") == b"GET"


def test_a_body_is_received_whole_before_an_instance_is_asked(make: Make) -> None:
    script = make()
    script.ask(b"Content-Length: 5", start=POST, body=b"he")
    assert script.dials == []
    script.exchange.receive(b"llo")
    assert script.connect().sent.endswith(b"\r\n\r\nhello")


def test_a_long_body_flows_and_holds_its_sender_back_until_there_is_a_connection(
    make: Make,
) -> None:
    script = make(retry=RetrySettings(keep_body=10))
    script.ask(b"Content-Length: 40", start=POST, body=b"a" * 11)
    assert len(script.dials) == 1
    script.exchange.receive(b"b" * 9)
    assert script.caller.did == ["pause"]
    link = script.connect()
    assert script.caller.did == ["pause", "resume"]
    assert link.sent.endswith(b"a" * 11 + b"b" * 9)
    script.exchange.receive(b"c" * 20)
    assert link.sent.endswith(b"c" * 20)
    assert not script.exchange.receiving


def test_with_expect_the_instance_is_asked_at_once(make: Make) -> None:
    script = make()
    script.ask(b"Content-Length: 2", b"Expect: 100-continue", start=POST)
    link = script.connect()
    assert b"Expect: 100-continue" in link.sent
    assert script.answer(status=100)
    assert script.caller.sent.startswith(b"HTTP/1.1 100 ")
    script.exchange.receive(b"hi")
    assert link.sent.endswith(b"hi")


def test_nothing_sent_goes_elsewhere_whatever_it_is(make: Make) -> None:
    script = make(3)
    script.ask(b"Content-Length: 2", start=POST, body=b"hi")
    script.exchange.connect_failed()
    script.exchange.connect_failed()
    assert len({i.address for i in script.dials}) == 3
    assert script.connect().sent.endswith(b"hi")
    assert script.pool.budget.retries == 0
    assert script.pool.retries == 2


def test_if_none_can_be_reached_it_is_a_503(make: Make) -> None:
    script = make()
    script.ask()
    script.exchange.connect_failed()
    script.exchange.connect_failed()
    assert script.caller.did == ["503 no-instance"]
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
    assert script.pool.budget.retries == 1
    assert script.exchange.tries == 2


def test_a_body_that_is_not_kept_cannot_be_sent_again(make: Make) -> None:
    script = make(retry=RetrySettings(keep_body=1))
    script.ask(KEY, b"Content-Length: 2", start=POST, body=b"hi")
    script.connect()
    script.exchange.link_lost()
    assert script.caller.did == ["502 instance-failed"]


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


def test_a_dead_pooled_connection_is_no_excuse_to_send_an_unkeyed_post_twice(make: Make) -> None:
    script = make(pooled=True)
    script.ask(start=POST)
    script.exchange.link_lost()
    assert script.caller.did == ["502 instance-failed"]
    assert script.dials == []


def test_an_answer_that_has_begun_is_cut_off(make: Make) -> None:
    script = make()
    script.ask()
    script.connect()
    script.answer(b"Content-Length: 5", body=b"he")
    script.exchange.link_lost()
    assert script.caller.did == ["drop"]
    assert len(script.dials) == 1
    assert script.settled


def test_late_goes_elsewhere_and_leaves_the_first_try(make: Make) -> None:
    script = make()
    script.ask()
    first = script.connect()
    script.later(0.9)
    assert first.did == []
    script.later(0.2)
    assert first.did == ["drop"]
    second = script.connect()
    assert b"X-Request-Timeout-Ms: 3899" in second.sent  # 1.1 s less, rounded down
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


def test_a_slow_body_is_a_408_and_nobody_is_asked(make: Make) -> None:
    script = make()
    script.ask(b"Content-Length: 5", start=POST, body=b"h")
    for _ in range(3):
        script.later(9)
        script.exchange.receive(b"e")
    script.later(11)
    assert script.caller.did == ["408 request-timeout, close"]
    assert script.dials == []


def test_a_body_too_big_for_its_announcement_is_refused(make: Make) -> None:
    script = make()
    script.ask(b"Transfer-Encoding: chunked", start=POST, body=b"30d41\r\n")
    assert script.caller.did == ["413 body-too-large, close"]
    assert script.settled


def test_a_caller_that_leaves_takes_its_request_with_it(make: Make) -> None:
    script = make()
    script.ask()
    link = script.connect()
    script.exchange.caller_lost()
    assert link.did == ["drop"]
    assert script.exchange.status == 499
    assert script.settled
    dialing = make()
    dialing.ask()
    dialing.exchange.caller_lost()
    assert dialing.caller.did == ["stop dialing"]
    assert dialing.settled


def test_an_early_answer_ends_the_upload(make: Make) -> None:
    script = make(retry=RetrySettings(keep_body=1))
    script.ask(b"Content-Length: 40", start=POST, body=b"aaa")
    link = script.connect()
    script.answer(b"Content-Length: 0", status=413)
    assert (script.caller.did, link.did) == (["close"], ["drop"])
    assert b"Connection: close" in script.caller.sent


def test_bytes_after_an_answer_make_the_connection_unusable(make: Make) -> None:
    script = make()
    script.ask()
    link = script.connect()
    script.answer(b"Content-Length: 2", body=b"okHTTP/1.1 200 OK")
    assert link.did == ["drop"]
    assert script.caller.sent.endswith(b"ok")


def test_a_broken_body_of_an_answer_is_cut_off(make: Make) -> None:
    script = make()
    script.ask()
    script.connect()
    script.answer(b"Transfer-Encoding: chunked", body=b"2\r\nok\r\n")
    script.exchange.answer_data(b"zz\r\n")
    assert script.caller.did == ["drop"]
    assert script.settled


def test_a_stalled_answer_is_the_instances_fault_unless_the_caller_does_not_read(
    make: Make,
) -> None:
    for stuck in (False, True):
        script = make()
        script.ask()
        script.connect()
        script.answer(b"Content-Length: 5")
        script.caller.stuck = stuck
        script.later(31)
        assert script.caller.did == ["drop"]
        errors = sum(i.meter.errors for i in script.pool.instances.values())
        assert errors == (0 if stuck else 1)


def test_who_reads_slowly_holds_the_other_side_back(make: Make) -> None:
    script = make()
    script.ask()
    link = script.connect()
    script.answer(b"Content-Length: 5")
    script.exchange.hold_back_instance(stuck=True)
    script.exchange.hold_back_instance(stuck=False)
    assert link.did == ["pause", "resume"]
    script.exchange.hold_back_caller(stuck=True)
    script.exchange.hold_back_caller(stuck=False)
    assert script.caller.did == ["pause", "resume"]


def test_a_tunnel(make: Make) -> None:
    script = make()
    script.ask(b"Connection: Upgrade", b"Upgrade: websocket")
    link = script.connect()
    assert not script.answer(b"Connection: Upgrade", b"Upgrade: websocket", status=101, body=b"hi")
    assert script.caller.sent.endswith(b"\r\n\r\nhi")
    script.exchange.receive(b"there")
    assert link.sent.endswith(b"there")
    script.exchange.answer_data(b"!")
    assert script.caller.sent.endswith(b"hi!")
    assert script.exchange.caller_half_closed()
    assert script.exchange.link_half_closed()
    script.exchange.link_lost()
    assert script.caller.did == ["half close", "close"]
    assert script.settled


def test_a_tunnel_that_nobody_asked_for_is_nonsense(make: Make) -> None:
    script = make(1)
    script.ask()
    script.connect()
    script.answer(b"Connection: Upgrade", b"Upgrade: websocket", status=101)
    assert script.caller.did == ["502 instance-failed"]


def test_while_draining_every_answer_ends_its_connection(make: Make) -> None:
    script = make()
    script.ask()
    script.connect()
    script.front.draining = True
    script.answer(b"Content-Length: 0")
    assert script.caller.did == ["close"]
    assert b"Connection: close" in script.caller.sent


def test_a_decided_503_is_no_reason_to_eject(make: Make) -> None:
    for lines, ejected in (([b"Retry-After: 1"], False), ([], True)):
        script = make()
        for _ in range(20):
            script.ask()
            link = script.connect()
            bad = link.instance.port == 0
            script.answer(b"Content-Length: 0", *(lines if bad else []), status=503 if bad else 200)
        assert script.pool.instances["10.0.0.1:0"].ejection.active is ejected


def test_errors_are_counted_where_they_belong(make: Make) -> None:
    script = make(1)
    script.ask()
    script.connect()
    script.answer(b"Content-Length: 0", status=500)
    assert script.pool.errors == 1
    assert script.front.statuses == {500: 1}
    assert json.dumps(script.front.statuses) == '{"500": 1}'


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
