"""The data path's sockets: callers on one side, instances on the other. Nothing is decided here.

Both sides are protocols of the event loop: a read hands its bytes to a head reader or straight to
the exchange, and what comes back is written. There is no task for a request and no timer: one
sweep looks at what is overdue (see `Network.sweep`).
"""

from __future__ import annotations

import asyncio
from time import monotonic as clock
from typing import TYPE_CHECKING, Final, cast

from loadbalancer.datapath.backlog import NOTHING, Backlog
from loadbalancer.datapath.exchange import Exchange
from loadbalancer.datapath.problems import NO_ROUTE, SLOW_HEAD, refusal
from loadbalancer.datapath.reset import forget_unsent
from loadbalancer.datapath.sides import DONE, CallerSide, LinkSide
from loadbalancer.wire.connection import Answers, Requests
from loadbalancer.wire.reject import Problem, Reject

if TYPE_CHECKING:
    from loadbalancer.datapath.front import Front
    from loadbalancer.datapath.sides import Asker
    from loadbalancer.pools.instance import Instance
    from loadbalancer.wire.proxy import Address
    from loadbalancer.wire.request import RequestHead

_NEVER: Final = float("inf")
_HELD: Final = 65_536
"""Bytes of pipelined requests that wait in memory; beyond, the caller is not read."""
_LINGER_SECONDS: Final = 1.0
"""For what a refused caller still sends: closing with unread bytes would destroy the answer."""


class Wire:
    """What both sides have in common: writing, and being read or not.

    A protocol of the event loop by what it has, not by its ancestors: a class of Python's among
    them would keep the compiled one from knowing where its attributes are.
    """

    __slots__ = ("_reading", "due", "stuck", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._reading = True
        self.stuck = False
        """It does not take what we send."""
        self.due = _NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection."""
        self.transport = cast("asyncio.Transport", transport)

    @property
    def usable(self) -> bool:
        """Can it be written to?"""
        return self.transport is not None and not self.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Sends bytes, unless the other side has gone."""
        transport = self.transport
        if transport is not None:
            try:
                transport.write(data)
            except RuntimeError:
                self.transport = None  # it broke meanwhile; `connection_lost` is on its way

    def pause(self) -> None:
        """Reads no more: the peer is held back by TCP."""
        if self._reading and self.usable and self.transport is not None:
            self._reading = False
            self.transport.pause_reading()

    def resume(self) -> None:
        """Reads again."""
        if not self._reading and self.usable and self.transport is not None:
            self._reading = True
            self.transport.resume_reading()

    def half_close(self) -> None:
        """Sends the end of our bytes; with TLS that ends the other direction, too."""
        if self.usable and self.transport is not None:
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()

    def drop(self) -> None:
        """Ends at once, with a reset if something is unsent."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.abort()


class Caller(Wire, CallerSide):
    """A connection from a caller: its requests are served one after the other, in order.

    What it sends ahead waits in the backlog, and beyond a bound it is not read; nor is the next
    request begun while the answers before are not taken. So whoever pipelines costs others nothing.
    """

    __slots__ = ("_backlog", "_busy", "_front", "_in_head", "_linger_until", "_lingering",
                 "_requests", "ended", "exchange", "peer", "trusted")  # fmt: skip

    def __init__(self, front: Front, announced: tuple[Address, Address] | None = None) -> None:
        """`announced`: from where and to where, if somebody we trust said so."""
        super().__init__()
        self._front = front
        self._requests = Requests(front.limits)
        self._backlog = NOTHING
        self._busy = False
        self._in_head = False
        self.ended = False
        self._lingering = False
        self._linger_until = 0.0
        self.exchange: Exchange | None = None
        self.peer = announced[0].host.encode() if announced else b""
        self.trusted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller came."""
        super().connection_made(transport)
        if not self.peer:
            address = transport.get_extra_info("peername")
            self.peer = address[0].encode() if address else b"unknown"
        self.trusted = self._front.trust.covers(self.peer)
        callers = self._front.callers
        if len(callers) >= self._front.settings.max_connections:
            self.drop()
            return
        callers.add(self)
        self.due = clock() + self._front.settings.idle

    def data_received(self, data: bytes) -> None:
        """Bytes of a head, of a body, or of requests that have to wait."""
        exchange = self.exchange
        if exchange is None:
            if self._lingering:
                return
            if self.stuck or self._backlog.size:
                self._hold(data)
            else:
                self._serve(data)
            return
        if exchange.receiving:
            data = exchange.receive(data)
            if exchange.phase is DONE and not self._lingering:
                self._take(data)
                return
        if data and not self._lingering:
            self._hold(data)

    def _take(self, data: bytes) -> None:
        """Bytes of the next request, unless that has to wait."""
        if self.stuck or self._backlog.size:
            self._hold(data)
        else:
            self._serve(data)

    def _hold(self, data: bytes) -> None:
        self._own_backlog().add(data)
        if self._backlog.size > _HELD:
            self.pause()

    def _own_backlog(self) -> Backlog:
        if self._backlog is NOTHING:
            self._backlog = Backlog()
        return self._backlog

    def _serve(self, data: bytes) -> None:
        """Begins as many requests as end at once; the others end by `done`."""
        front, backlog, requests = self._front, self._backlog, self._requests
        self._busy = True
        while data and self.exchange is None and not (self.stuck or self._lingering):
            try:
                head = requests.read(data, front.parser)
            except Reject as reject:
                front.rejected += 1
                self.refuse(reject.problem, head=None, keep=False, now=clock())
                break
            if head is None:
                self._await_head()
                data = backlog.take()
                continue
            self._in_head = False
            routes = front.routes
            pool = routes.all or routes.match(head.host_name, head.target)
            if pool is None:
                self._no_route(head)
                data = requests.rest
            else:
                if not self._reading:  # what waited may end in the middle of its body
                    self.resume()
                exchange = self.exchange = Exchange(self, front, pool, head, clock())
                data = exchange.begin(requests.rest)
            if backlog.size:
                data = self._go_on(data)
        if data and not self._lingering:
            self._own_backlog().put_back(data)
        self._busy = False
        if self.exchange is None and not self._lingering:
            self._rest(clock())

    def _rest(self, now: float) -> None:
        """All that came is served, or waits for the caller to take its answers."""
        if self.ended and not self._backlog.size:
            self._close(now)
        elif not self._reading:
            self.resume()

    def resume(self) -> None:
        """Reads again, once little enough waits."""
        if self._backlog.size <= _HELD:
            super().resume()

    def _await_head(self) -> None:
        """From the first byte of a head on, its last one is due; more bytes give no more time."""
        if not self._in_head and self._requests.begun:
            self._in_head = True
            self.due = clock() + self._front.settings.head

    def _no_route(self, head: RequestHead) -> None:
        front = self._front
        front.rejected += 1
        # Without a route there is nowhere to put a body: the connection ends with the answer.
        keep = head.keep_alive and head.length == 0 and not front.draining
        self.refuse(NO_ROUTE, head=head, request_id=head.request_id, keep=keep, now=clock())

    def _go_on(self, rest: bytes) -> bytes:
        """With what waits, the body at first; gives what is to be read as the next request."""
        exchange, backlog = self.exchange, self._backlog
        while exchange is not None and exchange.receiving and backlog.size:
            full, data = backlog.size > _HELD, backlog.take()
            if full:
                self.resume()
            rest = exchange.receive(data)
            exchange = self.exchange
        return rest or (backlog.take() if exchange is None else b"")

    def done(self, now: float, keep: bool) -> None:
        """The answer is complete; with `keep` the next request may follow."""
        self.exchange = None
        if not keep:
            if self.ended:
                self._close(now)
            else:
                self._linger(now)
            return
        idle = self._front.idle_time
        self.due = idle.due if now < idle.stale else idle.anew(now)
        if self._busy:
            return
        if self._backlog.size:
            self._serve(self._backlog.take())
        elif self.ended or not self._reading:
            self._rest(now)

    def refuse(
        self,
        problem: Problem,
        *,
        head: RequestHead | None,
        request_id: bytes = b"",
        keep: bool,
        now: float,
    ) -> None:
        """Answers with a problem."""
        front = self._front
        request_id = request_id or front.hop.request_id()
        with_body = head is None or head.method != b"HEAD"
        self.write(refusal(problem, front.served_by, request_id, keep=keep, with_body=with_body))
        self.done(now, keep)

    def _linger(self, now: float) -> None:
        """Ends our side; the caller's bytes are thrown away until it has ended its own."""
        self._begin_lingering(now)
        self.resume()
        self.half_close()

    def _begin_lingering(self, now: float) -> None:
        self._lingering = True
        self._backlog.clear()
        self.due = now + _LINGER_SECONDS
        self._linger_until = now + self._front.settings.idle

    def expired(self, now: float) -> None:
        """`due` has passed; an exchange has a time of its own."""
        if self.exchange is not None:
            return
        if self._lingering:
            self._linger_on(now)
        elif self._in_head:
            self._front.rejected += 1
            self.refuse(SLOW_HEAD, head=None, keep=False, now=now)
        else:
            self._close(now)

    def _linger_on(self, now: float) -> None:
        """Who still takes our bytes, however slowly, gets all of them."""
        if self.unsent and now < self._linger_until:
            self.due = now + _LINGER_SECONDS
        else:
            self.drop()

    def drop(self) -> None:
        """Ends at once; within an answer by a reset, since an end in order might complete it."""
        if self.exchange is not None and self.transport is not None:
            forget_unsent(self.transport)
        super().drop()

    def early(self) -> bytes:
        """What it sent before it was told that this is a tunnel; from now on it is read."""
        early = self._backlog.take_all()
        self.resume()
        return early

    @property
    def busy(self) -> bool:
        """Is an exchange under way? It has a time of its own."""
        return self.exchange is not None

    @property
    def unsent(self) -> int:
        """Bytes of an answer that the caller has not taken yet."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    def leave(self) -> None:
        """Ends a connection on which nothing is asked."""
        if self.exchange is None and not self._lingering:
            self._close(clock())

    def _close(self, now: float) -> None:
        """Ends in good order: what was written still goes out."""
        self._begin_lingering(now)
        if self.transport is not None:
            self.transport.close()

    def pause_writing(self) -> None:
        """The caller reads more slowly than the instance answers: the instance is held back."""
        self.stuck = True
        if self.exchange is not None:
            self.exchange.hold_back_instance(stuck=True)

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self.stuck = False
        if self.exchange is not None:
            self.exchange.hold_back_instance(stuck=False)
        elif self._backlog.size and not self._busy:
            self._serve(self._backlog.take())

    def eof_received(self) -> bool:
        """The caller will send no more; it may still want its answer."""
        self.ended = True
        exchange = self.exchange
        if not (self._backlog.size if exchange is None else exchange.caller_half_closed()):
            return False
        return self.transport is not None and self.transport.can_write_eof()  # TLS cannot

    def connection_lost(self, _: Exception | None) -> None:
        """The caller has gone."""
        self.transport = None
        self._front.callers.discard(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.caller_lost()


class Link(Wire, LinkSide):
    """A connection to an instance: carries one request at a time, and rests in between."""

    __slots__ = ("_answers", "_asker", "_counted", "_instance", "_used", "ended", "heard")

    def __init__(self, instance: Instance, answers: Answers) -> None:
        super().__init__()
        self._instance = instance
        self._answers = answers
        self._asker: Asker | None = None
        self._counted = False
        self._used = False
        self.ended = False
        self.heard = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The instance accepted."""
        super().connection_made(transport)
        self._instance.connections += 1
        self._counted = True

    @property
    def stale(self) -> bool:
        """Was it used before, and nothing came back this time?"""
        return self._used and not self.heard

    def carry(self, asker: Asker, data: bytes) -> None:
        """Takes a request."""
        self._asker = asker
        self.heard = False
        transport = self.transport
        if transport is not None:  # as `write`, without the call
            try:
                transport.write(data)
            except RuntimeError:
                self.transport = None

    def hand_over(self, asker: Asker) -> None:
        """Another one asks from now on."""
        self._asker = asker

    def release(self, now: float) -> None:
        """Rests until the next request."""
        self._asker = None
        self._used = True
        if not self._reading:
            self.resume()
        if self.transport is not None:  # one that closes meanwhile is sorted out by `pooled`
            idle = self._instance.idle_time
            self.due = idle.due if now < idle.stale else idle.anew(now)
            self._instance.idle.append(self)

    def drop(self) -> None:
        """Of no more use."""
        self._asker = None
        super().drop()

    def close(self) -> None:
        """Ends a connection at rest."""
        self._asker = None
        self.finish()

    def finish(self) -> None:
        """Ends it in good order: what was written still goes out."""
        if self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer."""
        asker = self._asker
        if asker is None:  # an answer to nothing (a request that was given up, or an attack)
            self.drop()
            return
        self.heard = True
        if asker.answering:
            asker.answer_data(data)
            return
        answers, method = self._answers, asker.head.method
        try:
            while data and (head := answers.read(data, method)) is not None:
                data = answers.rest
                if not asker.answer(head, data):  # it was no interim one
                    return
        except Reject:
            asker.nonsense()

    def pause_writing(self) -> None:
        """The instance reads more slowly than the caller sends: the caller is held back."""
        self.stuck = True
        if self._asker is not None:
            self._asker.hold_back_caller(stuck=True)

    def resume_writing(self) -> None:
        """The instance has caught up."""
        self.stuck = False
        if self._asker is not None:
            self._asker.hold_back_caller(stuck=False)

    def eof_received(self) -> bool:
        """The instance will send no more; in a tunnel it may still listen."""
        self.ended = True
        return self._asker is not None and self._asker.link_half_closed()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection to the instance has gone."""
        if self._counted:
            self._instance.connections -= 1
        self.transport = None
        asker, self._asker = self._asker, None
        if asker is not None:
            asker.link_lost(broken=error is not None)
        elif self in self._instance.idle:
            self._instance.idle.remove(self)


def pooled(instance: Instance) -> Link | None:
    """A resting connection to an instance, the one that rested least, if there is one."""
    idle = instance.idle
    while idle:
        link = idle.pop()
        if isinstance(link, Link):
            transport = link.transport
            if transport is not None and not transport.is_closing():
                return link
    return None
