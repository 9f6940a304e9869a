"""One request as a script: what the caller sends, what instances do, and what comes of it."""

import random
from collections.abc import Callable
from typing import Any

from loadbalancer.datapath.exchange import Exchange
from loadbalancer.datapath.front import Front
from loadbalancer.datapath.routes import Route, Routes
from loadbalancer.datapath.settings import FrontSettings
from loadbalancer.datapath.sides import Asker, LinkSide, Phase
from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.instance import Instance
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings
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
        self.ended = False

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
    trusted = False
    waiting = b""

    def early(self) -> bytes:
        return self.waiting

    def done(self, now: float, keep: bool) -> None:
        self.did.append("keep" if keep else "close")

    def refuse(
        self, problem: Problem, *, head: RequestHead, request_id: bytes, keep: bool, now: float
    ) -> None:
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

    def carry(self, asker: Asker, data: bytes) -> None:
        self.asker = asker
        self.sent += data

    def hand_over(self, asker: Asker) -> None:
        self.asker = asker

    def finish(self) -> None:
        self.did.append("finish")

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

    def dial(self, instance: Instance, asker: Asker) -> Callable[[], object]:
        self.dials.append(instance)
        return lambda: self.caller.did.append("stop dialing")

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

    def answer(self, *lines: bytes, status: int = 200, body: bytes = b"", link: int = -1) -> bool:
        """The instance at the other end of that connection answers."""
        head = ANSWER.parse([b"HTTP/1.1 %d X" % status, *lines], self.exchange.head.method)
        self.links[link].heard = True
        return self.links[link].asker.answer(head, body)

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
POST = b"POST / HTTP/1.1"
KEY = b"Idempotency-Key: k"
