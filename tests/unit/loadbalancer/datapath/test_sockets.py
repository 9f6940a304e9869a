"""The callers' side of the data path, with a transport that only takes notes."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest

from loadbalancer.datapath import exchange, sockets, tries
from loadbalancer.datapath.backlog import NOTHING
from loadbalancer.datapath.front import Front
from loadbalancer.datapath.routes import Route, Routes
from loadbalancer.datapath.settings import FrontSettings
from loadbalancer.datapath.sockets import Caller
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings, RetrySettings
from loadbalancer.wire.canonical import Hop


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.did: list[str] = []
        self.unsent = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("9.9.9.9", 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return "close" in self.did

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.did.append("eof")

    def close(self) -> None:
        self.did.append("close")

    def abort(self) -> None:
        self.did.append("abort")

    def pause_reading(self) -> None:
        self.did.append("pause")

    def resume_reading(self) -> None:
        self.did.append("resume")


class Scene:
    """A caller at time `now`, and a pool that is empty: every request gets a 503 at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.now = 100.0
        for module in (sockets, exchange, tries):
            monkeypatch.setattr(module, "clock", lambda: self.now)
        pool = Pool(PoolSettings("p"), "", lambda *_, **__: None, random.Random(1))
        self.front = Front(
            FrontSettings("l", **settings), Routes([Route("p", path="/api/")], {"p": pool}),
            Hop("lb"), served_by="a/lb", log_access=lambda *_: None,
        )  # fmt: skip
        self.caller, self.transport = self.come()

    def come(self) -> tuple[Caller, Transport]:
        caller, transport = Caller(self.front), Transport()
        caller.connection_made(transport)
        return caller, transport

    def later(self, seconds: float) -> None:
        self.now += seconds
        if self.caller.due <= self.now:
            self.caller.expired(self.now)

    def statuses(self) -> list[int]:
        return [int(part[:3]) for part in self.transport.sent.split(b"HTTP/1.1 ")[1:]]


GET = b"GET /api/ HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    yield Scene(monkeypatch)
    assert NOTHING.size == 0  # nobody adds to what all share
    assert NOTHING.take() == b""


def test_requests_that_end_at_once_are_served_in_a_loop(scene: Scene) -> None:
    scene.caller.data_received(GET * 2000)
    assert scene.statuses() == [503] * 2000
    assert scene.transport.did == []


def test_who_does_not_take_answers_has_no_more_requests_served(scene: Scene) -> None:
    scene.caller.data_received(GET)
    scene.caller.pause_writing()
    for _ in range(40):
        scene.caller.data_received(GET * 100)
    assert scene.statuses() == [503]
    assert scene.transport.did == ["pause"]
    scene.caller.resume_writing()
    assert scene.statuses() == [503] * 4001
    assert scene.transport.did == ["pause", "resume"]


def test_what_waited_may_end_in_the_middle_of_a_body(scene: Scene) -> None:
    scene.caller.pause_writing()
    post = b"POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nnine"
    scene.caller.data_received(GET * 3000 + post)
    assert scene.transport.did == ["pause"]
    scene.caller.resume_writing()
    assert scene.statuses() == [503] * 3000
    assert scene.transport.did == ["pause", "resume"]
    scene.caller.data_received(b" more")
    assert scene.statuses() == [503] * 3001


def test_more_than_may_wait_may_be_the_beginning_of_one_body(scene: Scene) -> None:
    pool = scene.front.routes.match(b"x", b"/api/")
    assert pool is not None
    pool.settings = PoolSettings("p", retry=RetrySettings(keep_body=1_000_000))
    scene.caller.pause_writing()
    post = b"POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
    scene.caller.data_received(post + b"x" * 150_000)
    scene.caller.resume_writing()
    assert scene.transport.did == ["pause", "resume"]
    scene.caller.data_received(b"x" * 50_000)
    assert scene.statuses() == [503]


def test_a_request_on_its_way_lets_no_more_be_read_than_may_wait(scene: Scene) -> None:
    scene.caller.data_received(b"POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    scene.caller.pause_writing()
    scene.caller.data_received(b"x" * 9 + GET * 3000)
    assert scene.transport.did == ["pause"]
    scene.caller.resume()  # as an exchange does once its body goes out
    assert scene.transport.did == ["pause"]


def test_requests_come_whole_whatever_pieces_they_waited_in(scene: Scene) -> None:
    scene.caller.pause_writing()
    posts = b"".join(
        b"POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % n + b"x" * n
        for n in range(300)
    )
    scene.caller.data_received(posts)
    scene.caller.data_received(GET)
    scene.caller.resume_writing()
    assert scene.statuses() == [503] * 301


def test_what_was_asked_before_the_end_is_answered(scene: Scene) -> None:
    scene.caller.pause_writing()
    scene.caller.data_received(GET * 3)
    assert scene.caller.eof_received()
    scene.caller.resume_writing()
    assert scene.statuses() == [503] * 3
    assert scene.transport.did == ["close"]


def test_a_request_without_a_route(scene: Scene) -> None:
    scene.caller.data_received(b"GET /no HTTP/1.1\r\nHost: x\r\nX-Request-Id: r-1\r\n\r\n")
    assert scene.statuses() == [404]
    assert b"\r\nX-Request-Id: r-1\r\n" in scene.transport.sent
    assert b"\r\nX-Served-By: a/lb\r\n" in scene.transport.sent
    assert scene.front.rejected == 1


def test_after_nonsense_the_connection_is_over(scene: Scene) -> None:
    scene.caller.data_received(b"nonsense\r\n\r\n" + GET)
    scene.caller.data_received(GET)
    assert scene.statuses() == [400]
    assert scene.transport.did == ["eof"]
    scene.later(1.1)
    assert scene.transport.did == ["eof", "abort"]


def test_who_takes_an_answer_slowly_gets_all_of_it(scene: Scene) -> None:
    scene.caller.data_received(b"GET /api/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    scene.transport.unsent = 50_000
    for _ in range(20):
        scene.later(1.1)
    assert scene.transport.did == ["eof"]
    scene.transport.unsent = 0
    scene.later(1.1)
    assert scene.transport.did == ["eof", "abort"]


def test_who_never_takes_an_answer_is_dropped(scene: Scene) -> None:
    scene.caller.data_received(b"GET /api/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    scene.transport.unsent = 50_000
    for _ in range(70):
        scene.later(1.1)
    assert scene.transport.did[-1] == "abort"


def test_a_slow_head_is_a_408_however_it_drips(scene: Scene) -> None:
    for byte in b"GET /api/ H":
        scene.caller.data_received(bytes([byte]))
        scene.later(1)
    assert scene.statuses() == [408]


def test_an_idle_connection_is_closed_without_a_word(scene: Scene) -> None:
    scene.later(59)
    assert scene.transport.did == []
    scene.later(2)
    assert (scene.transport.did, scene.transport.sent) == (["close"], b"")


def test_a_request_makes_it_busy_again(scene: Scene) -> None:
    scene.later(59)
    scene.caller.data_received(GET)
    scene.later(59)
    assert scene.transport.did == []


def test_an_end_without_a_request_ends_it(scene: Scene) -> None:
    assert not scene.caller.eof_received()


def test_too_many_callers_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, max_connections=1)
    _, second = scene.come()
    assert second.did == ["abort"]
    assert len(scene.front.callers) == 1


def test_leaving_ends_what_is_idle(scene: Scene) -> None:
    scene.caller.leave()
    assert scene.transport.did == ["close"]
    scene.caller.connection_lost(None)
    assert not scene.front.callers


def test_a_storm_of_errors_is_not_logged_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, access_log_sample=1.0, access_log_lines=50)
    logged: list[float] = []
    monkeypatch.setattr(scene.front, "_log_access", lambda _, now: logged.append(now))
    scene.caller.data_received(GET * 500)
    assert (len(logged), scene.front.unlogged) == (50, 450)
    scene.front.tick()
    scene.caller.data_received(GET)
    assert len(logged) == 51


def test_who_sent_much_before_a_tunnel_is_read_on(scene: Scene) -> None:
    scene.caller.pause_writing()
    scene.caller.data_received(b"x" * 100_000)
    assert scene.transport.did == ["pause"]
    assert scene.caller.early() == b"x" * 100_000
    assert scene.transport.did == ["pause", "resume"]
