"""A tunnel as a script of what its two ends do, with transports that only take notes."""

import asyncio
import random
from typing import Any

import pytest

from loadbalancer.datapath import tunnel as module
from loadbalancer.datapath.front import Front
from loadbalancer.datapath.routes import Route, Routes
from loadbalancer.datapath.settings import FrontSettings
from loadbalancer.datapath.tunnel import Caller, Link
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings
from loadbalancer.wire.canonical import Hop
from loadbalancer.wire.proxy import Address, header
from tests.unit.loadbalancer.datapath.test_sockets import Transport


class Wire(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("9.9.9.9", 1), "sockname": ("8.8.8.8", 2)}.get(name)


class Script:
    """A caller that has come, and instances of which `reachable` can be reached."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reachable: int = 2, **pool: Any) -> None:
        self.now = 100.0
        monkeypatch.setattr(module, "clock", lambda: self.now)
        self.pool = Pool(PoolSettings("p", **pool), "", lambda *_, **__: None, random.Random(1))
        for port in (1, 2):
            self.pool.discovered(f"x{port}", [("10.0.0.1", port)], "", self.now)
        self.front = Front(
            FrontSettings("l", mode="tcp", tunnel_idle=60), Routes([Route("p")], {"p": self.pool}),
            Hop("lb"), served_by="lb", log_access=lambda *_: None,
        )  # fmt: skip
        self.tried: list[int] = []
        self.link: Link | None = None
        self.outer, self.inner = Wire(), Wire()

        async def connect(make: Any, _: str, port: int) -> None:
            self.tried.append(port)
            if len(self.tried) > 2 - reachable:
                link = self.link = make()
                link.connection_made(self.inner)
            else:
                raise ConnectionRefusedError

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connect, raising=False)
        self.caller = Caller(self.front)
        self.tunnel = self.caller.tunnel

    async def come(self, early: bytes = b"") -> None:
        self.caller.connection_made(self.outer)
        if early:
            self.caller.data_received(early)
        for _ in range(10):
            await asyncio.sleep(0)

    def counts(self) -> tuple[int, int, int]:
        """Under way in the pool, on instances, and connections to them."""
        instances = self.pool.instances.values()
        return (
            self.pool.in_flight,
            sum(i.in_flight for i in instances),
            sum(i.connections for i in instances),
        )


async def test_once_joined_each_ends_bytes_are_written_by_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch)
    await script.come(b"early")
    assert script.link is not None
    assert script.inner.sent == b"early"
    assert script.outer.protocol is script.caller
    assert script.caller.data_received == script.inner.write
    assert script.link.data_received == script.outer.write
    assert script.counts() == (1, 1, 1)


async def test_who_cannot_be_reached_costs_the_caller_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch, reachable=1)
    await script.come()
    assert len(set(script.tried)) == 2
    assert script.counts() == (1, 1, 1)
    assert script.pool.retries == 1


async def test_when_nobody_can_be_reached_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, reachable=-10)
    await script.come()
    assert script.outer.did[-1] == "abort"
    assert script.front.tunnels == {"unreachable": 1}
    assert (script.counts(), script.front.callers) == ((0, 0, 0), set())


async def test_who_is_slow_holds_back_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch)
    await script.come()
    assert script.link is not None
    script.outer.did.clear()
    script.link.pause_writing()
    script.link.resume_writing()
    assert script.outer.did == ["pause", "resume"]
    script.caller.pause_writing()
    assert script.inner.did == ["pause"]


async def test_one_half_ends_and_then_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch)
    await script.come()
    assert script.link is not None
    assert script.caller.eof_received()
    assert script.inner.did == ["eof"]
    assert not script.link.eof_received()
    assert script.outer.did[-1] == "close"
    script.link.connection_lost(None)
    script.caller.connection_lost(None)
    assert script.front.tunnels == {"done": 1}
    assert script.counts() == (0, 0, 0)


async def test_who_ends_before_it_is_joined_still_wants_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch)
    script.caller.connection_made(script.outer)
    assert script.caller.eof_received()
    for _ in range(10):
        await asyncio.sleep(0)
    assert script.inner.did == ["eof"]


async def test_what_breaks_on_one_side_breaks_on_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch)
    await script.come()
    assert script.link is not None
    script.link.connection_lost(ConnectionResetError())
    assert script.outer.did[-1] == "abort"


async def test_a_full_pool_lets_it_wait_and_then_turns_it_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch, max_requests=0, max_wait=1.0)
    await script.come()
    assert len(script.pool.waiting) == 1
    script.now += 2
    script.tunnel.expired(script.now)
    assert script.front.tunnels == {"refused": 1}
    assert not script.pool.waiting


async def test_idle_is_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch)
    await script.come()
    quiet = {script.caller: 70.0, script.link: 20.0}
    monkeypatch.setattr(module, "_quiet", lambda end: quiet[end])
    script.tunnel.expired(script.now)
    assert script.tunnel.due == script.now + 40
    quiet[script.link] = 60.0
    script.tunnel.expired(script.now)
    assert (script.outer.did[-1], script.inner.did[-1]) == ("close", "close")


async def test_who_takes_nothing_of_what_is_left_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch)
    await script.come()
    monkeypatch.setattr(module, "_quiet", lambda _: 60.0)
    script.outer.unsent = 100
    script.tunnel.expired(script.now)
    assert script.outer.did[-1] == "close"
    monkeypatch.setattr(module, "_quiet", lambda _: 0.0)  # it may still send: that counts no more
    script.outer.unsent = 99
    script.now = script.tunnel.due
    script.tunnel.expired(script.now)
    assert script.outer.did[-1] == "close"
    assert script.tunnel.due == script.now + 60
    script.tunnel.expired(script.tunnel.due)
    assert (script.outer.did[-1], script.inner.did[-1]) == ("abort", "abort")


async def test_when_one_end_has_gone_the_other_has_its_time_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch)
    await script.come()
    assert script.link is not None
    script.outer.unsent = 100
    script.link.connection_lost(None)
    assert script.outer.did[-1] == "close"
    for _ in range(2):
        script.now = script.tunnel.due
        script.tunnel.expired(script.now)
    assert script.outer.did[-1] == "abort"
    script.caller.connection_lost(None)
    assert script.front.tunnels == {"done": 1}
    assert script.counts() == (0, 0, 0)


async def test_the_instance_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, send_proxy=True)
    await script.come(b"early")
    assert script.inner.sent == header(Address("9.9.9.9", 1), Address("8.8.8.8", 2)) + b"early"
