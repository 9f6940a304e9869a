"""The request on its way in, and the answer on its way back."""

import json

import pytest

from loadbalancer.pools.settings import RetrySettings
from tests.unit.loadbalancer.script import KEY, POST, Make


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


@pytest.mark.parametrize("framing", [b"Content-Length: 2", b"Transfer-Encoding: chunked"])
def test_with_expect_a_body_that_can_be_kept_is_asked_for_at_once(
    make: Make, framing: bytes
) -> None:
    script = make()
    script.ask(framing, b"Expect: 100-continue", start=POST)
    assert script.caller.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert script.dials == []
    script.exchange.receive(b"hi" if b"2" in framing else b"2\r\nhi\r\n0\r\n\r\n")
    link = script.connect()
    assert b"Expect" not in link.sent
    assert b"hi" in link.sent


LONG = b"Content-Length: 100000"
EXPECT = b"Expect: 100-continue"


def test_with_expect_the_instance_is_asked_whether_it_wants_a_long_body(make: Make) -> None:
    script = make()
    script.ask(LONG, EXPECT, start=POST)
    link = script.connect()
    assert b"Expect: 100-continue" in link.sent
    assert script.answer(status=100)
    assert script.caller.sent.startswith(b"HTTP/1.1 100 ")
    script.exchange.receive(b"hi")
    assert link.sent.endswith(b"hi")


def test_who_was_read_on_by_mistake_is_held_back_again(make: Make) -> None:
    script = make()
    script.ask(LONG, start=POST)
    script.exchange.receive(b"x" * 70_000)
    script.connect().stuck = True
    script.caller.did.clear()
    script.exchange.receive(b"x")
    assert script.caller.did == ["pause"]


def test_a_hung_instance_does_not_keep_a_long_body_waiting(make: Make) -> None:
    script = make()
    script.ask(LONG, EXPECT, KEY, start=POST)
    hung = script.connect()
    script.later(0.25)
    second = script.connect()
    assert second.instance is not hung.instance
    script.answer(status=100)
    script.exchange.receive(b"x" * 100_000)
    script.answer(b"Content-Length: 0")
    assert hung.did == ["drop"]
    assert script.caller.did == ["keep"]
    assert script.settled


def test_an_instance_that_takes_no_body_is_to_blame_and_not_its_sender(make: Make) -> None:
    script = make()
    script.ask(LONG, start=POST, body=b"x" * 70_000)
    link = script.connect()
    link.stuck = True
    script.later(11)
    assert script.caller.did[-1] == "504 deadline-missed, close"
    assert link.instance.meter.errors == 1
    assert script.settled


def test_an_answer_that_has_begun_is_cut_off(make: Make) -> None:
    script = make()
    script.ask()
    script.connect()
    script.answer(b"Content-Length: 5", body=b"he")
    script.exchange.link_lost()
    assert script.caller.did == ["drop"]
    assert len(script.dials) == 1
    assert script.settled


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
    assert script.exchange.link_half_closed()
    assert script.caller.did == ["half close"]
    script.exchange.link_lost()
    assert script.caller.did == ["half close", "close"]
    assert script.settled


def test_a_tunnel_is_over_when_both_ends_have_ended(make: Make) -> None:
    for first in ("caller", "link"):
        script = make()
        script.ask(b"Connection: Upgrade", b"Upgrade: websocket")
        link = script.connect()
        script.answer(b"Connection: Upgrade", b"Upgrade: websocket", status=101)
        if first == "caller":
            script.caller.ended = True
            assert script.exchange.caller_half_closed()
            assert link.did == ["half close"]
            assert not script.exchange.link_half_closed()  # its connection is closed by that
        else:
            link.ended = True
            assert script.exchange.link_half_closed()
            assert script.exchange.caller_half_closed()
            assert link.did == ["finish"]
        script.exchange.link_lost(broken=False)
        assert script.caller.did[-1] == "close"
        assert script.settled


def test_an_instance_is_told_of_an_end_that_came_before_the_tunnel(make: Make) -> None:
    script = make()
    script.ask(b"Connection: Upgrade", b"Upgrade: websocket")
    link = script.connect()
    script.caller.ended = True
    assert script.exchange.caller_half_closed()
    assert link.did == []
    script.answer(b"Connection: Upgrade", b"Upgrade: websocket", status=101)
    assert link.did == ["half close"]


def test_what_came_before_a_tunnel_goes_into_it(make: Make) -> None:
    script = make()
    script.ask(b"Connection: Upgrade", b"Upgrade: websocket")
    link = script.connect()
    script.caller.waiting = b"early"
    script.answer(b"Connection: Upgrade", b"Upgrade: WebSocket", status=101)
    script.exchange.receive(b" late")
    assert link.sent.endswith(b"\r\n\r\nearly late")


@pytest.mark.parametrize(
    "lines", [[b"Connection: Upgrade", b"Upgrade: h2c"], [b"Upgrade: websocket"], []]
)
def test_another_tunnel_than_was_asked_for_is_nonsense(make: Make, lines: list[bytes]) -> None:
    script = make(1)
    script.ask(b"Connection: Upgrade", b"Upgrade: websocket")
    script.connect()
    script.answer(*lines, status=101)
    assert script.caller.did == ["502 instance-failed"]


def test_a_tunnel_that_nobody_asked_for_is_nonsense(make: Make) -> None:
    script = make(1)
    script.ask()
    script.connect()
    script.answer(b"Connection: Upgrade", b"Upgrade: websocket", status=101)
    assert script.caller.did == ["502 instance-failed"]


@pytest.mark.parametrize(("start", "status"), [(b"HEAD / HTTP/1.1", 200), (b"GET / HTTP/1.1", 304)])
def test_who_might_send_a_body_that_is_none_is_not_asked_again(
    make: Make, start: bytes, status: int
) -> None:
    for lines, did in (([b"Content-Length: 5"], "drop"), ([], "release")):
        script = make()
        script.ask(start=start)
        link = script.connect()
        script.answer(*lines, status=status)
        assert script.caller.did == ["keep"]
        assert link.did == [did]


def test_an_answer_without_a_length_is_whole_only_if_it_ends_in_order(make: Make) -> None:
    for broken in (False, True):
        script = make()
        script.ask()
        script.connect()
        script.answer(body=b"half of it")
        script.exchange.link_lost(broken=broken)
        assert script.caller.sent.endswith(b"0\r\n\r\n") is not broken
        assert script.caller.did == (["drop"] if broken else ["keep"])
        assert script.settled


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


def test_a_sticky_pool_brings_its_caller_back(make: Make) -> None:
    script = make(3, sticky_cookie="lb")
    script.ask()
    first = script.connect()
    script.answer(b"Content-Length: 0")
    head = script.caller.sent
    assert b"\r\nSet-Cookie: lb=%b; Path=/; HttpOnly" % first.instance.token.encode() in head
    for _ in range(5):
        script.ask(b"Cookie: a=b; lb=%b" % first.instance.token.encode())
        assert script.connect().instance is first.instance
        script.caller.sent = b""
        script.answer(b"Content-Length: 0")
        assert b"Set-Cookie" not in script.caller.sent


def test_a_sticky_pool_names_the_one_that_answered_after_all(make: Make) -> None:
    script = make(2, sticky_cookie="lb")
    script.ask()
    first = script.connect()
    script.exchange.link_lost()
    second = script.connect()
    assert second.instance is not first.instance
    script.answer(b"Content-Length: 0")
    assert b"lb=" + second.instance.token.encode() in script.caller.sent
