"""Layer 4: a caller's connection, joined to one to an instance. Nothing is read.

    waiting → connecting → joined → ended

What one end receives is given to the other's `write` by the event loop itself: once joined, no
code of ours runs for a read. So it is the kernel that is asked, when the idle time could be over,
when the last byte came.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from time import monotonic as clock
from typing import TYPE_CHECKING, cast

from loadbalancer.datapath.reset import forget_unsent
from loadbalancer.pools.affinity import Tie
from loadbalancer.pools.failures import Failures
from loadbalancer.pools.retry import Failure
from loadbalancer.wire.proxy import Address, header

if TYPE_CHECKING:
    from loadbalancer.datapath.front import Front
    from loadbalancer.pools.instance import Instance
    from loadbalancer.pools.pool import Pool

_NEVER = float("inf")
_LAST_DATA_RECEIVED = 52
"""Where `struct tcp_info` has the milliseconds since then (linux/tcp.h)."""
_TCP_INFO = getattr(socket, "TCP_INFO", None)


class End(asyncio.Protocol):
    """One end of a tunnel. `data_received` is set to what takes its bytes: see above."""

    def __init__(self, tunnel: Tunnel, take: Callable[[bytes], None]) -> None:
        self.tunnel = tunnel
        self.data_received = take  # type: ignore[method-assign,assignment]
        self.transport: asyncio.Transport | None = None
        self.other: End | None = None
        self.ended = False
        """It will send no more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection."""
        self.transport = cast("asyncio.Transport", transport)

    def forward_to(self, other: End) -> None:
        """What it receives goes straight to the other end, from now on."""
        if self.transport is not None and other.transport is not None:
            self.data_received = other.transport.write  # type: ignore[method-assign]
            self.transport.set_protocol(self)  # uvloop looks the method up here, and only here

    def pause_writing(self) -> None:
        """It takes bytes more slowly than the other end sends them."""
        if self.other is not None:
            self.other.read(wanted=False)

    def resume_writing(self) -> None:
        """It has caught up."""
        if self.other is not None:
            self.other.read(wanted=True)

    def read(self, *, wanted: bool) -> None:
        """Reads on, or holds it back."""
        if self.transport is not None and not self.transport.is_closing():
            (self.transport.resume_reading if wanted else self.transport.pause_reading)()

    def eof_received(self) -> bool:
        """It sends no more, and may still want to hear."""
        self.ended = True
        other, transport = self.other, self.transport
        if transport is None:
            return False
        if other is None:  # not joined yet: it is told then
            return transport.can_write_eof()
        if other.transport is None:
            return False
        if other.ended or not other.transport.can_write_eof():
            other.close()
            return False
        other.transport.write_eof()
        return transport.can_write_eof()  # a TLS connection cannot be half closed

    def connection_lost(self, error: Exception | None) -> None:
        """It has gone: in good order, or broken, which the other end is to see as well.

        An end in order might make whole what was cut off.
        """
        self.transport = None
        if self.other is not None:
            if error is None:
                self.other.close()
            else:
                self.other.reset()
        self.tunnel.end_lost()

    @property
    def unsent(self) -> int:
        """Bytes that it has not taken yet."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    def close(self) -> None:
        """What was written still goes out."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """At once."""
        if self.transport is not None:
            self.transport.abort()

    def reset(self) -> None:
        """At once, and not as if all had been said."""
        if self.transport is not None:
            forget_unsent(self.transport)
            self.transport.abort()


class Caller(End):
    """The end that came to us. Until it is joined, it is held back."""

    def __init__(self, front: Front, announced: tuple[Address, Address] | None = None) -> None:
        """`announced`: from where and to where, if somebody we trust said so."""
        super().__init__(Tunnel(front, self), self._keep)
        self.announced = announced
        self.early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller came."""
        super().connection_made(transport)
        self.tunnel.begin()

    def _keep(self, data: bytes) -> None:
        self.early += data
        self.read(wanted=False)

    def addresses(self) -> tuple[Address, Address] | None:
        """From where it came and to where."""
        if self.announced or self.transport is None:
            return self.announced
        peer = self.transport.get_extra_info("peername")
        own = self.transport.get_extra_info("sockname")
        return (Address(*peer[:2]), Address(*own[:2])) if peer and own else None


class Link(End):
    """The end that we made, to an instance."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The instance accepted."""
        super().connection_made(transport)
        self.tunnel.join(self)


class Tunnel:
    """Finds an instance for a caller, joins them, and accounts for it."""

    movable = True
    """Until it is joined: nothing was sent to anybody."""

    def __init__(self, front: Front, caller: Caller) -> None:
        self._front = front
        self._caller = caller
        self._link: Link | None = None
        self._pool: Pool | None = None
        self._instance: Instance | None = None
        self._admitted = False
        self._waiting = False
        self._failures: Failures | None = None
        self._dialing: asyncio.Task[None] | None = None
        self._over = False
        self._left: int | None = None
        """Once it is to end: bytes that had not gone out when we looked last. Who takes none of
        them until we look again would never let it end."""
        self.tie: Tie | None = None
        self._began = 0.0
        self.due = _NEVER

    # ---- before it is joined ------------------------------------------------------------------

    def begin(self) -> None:
        """The caller is there."""
        front, now = self._front, clock()
        if len(front.callers) >= front.settings.max_connections:
            self._end("refused")
            return
        front.callers.add(self)
        pool = self._pool = front.routes.match(b"", b"/")
        if pool is None:
            self._end("refused")
            return
        pool.budget.requests += 1
        if pool.affinity is not None and (known := self._caller.addresses()):
            self.tie = Tie("", known[0].host.encode())  # nothing else is known of who it is
        instance = None
        if pool.in_flight < pool.limit:
            instance = pool.first(now, self.tie, self.movable)
        if instance is not None:
            self.place_found(instance, now)
        elif not pool.usable or len(pool.waiting) >= pool.settings.max_waiting:
            self._end("refused")
        else:
            self._waiting = True
            self.due = now + pool.settings.max_wait
            pool.waiting.append(self)

    def place_found(self, instance: Instance, now: float) -> None:  # noqa: ARG002 - a pool tells everyone
        """There is a place for it in the pool, on this instance."""
        self._waiting = False
        self.due = _NEVER
        if self._pool is not None:
            self._admitted = True
            self._pool.in_flight += 1
            self._dialing = asyncio.get_running_loop().create_task(self._dial(self._pool, instance))

    async def _dial(self, pool: Pool, first: Instance) -> None:
        instance: Instance | None = first
        try:
            while instance is not None:
                self._instance = instance
                instance.in_flight += 1
                self._began = clock()
                if await self._connect(pool, instance):
                    return
                instance = self._another(pool, instance)
        finally:
            if self._link is None:
                self._end("unreachable")

    async def _connect(self, pool: Pool, instance: Instance) -> bool:
        caller = self._caller.transport
        if caller is None:
            return False
        link = Link(self, caller.write)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(pool.settings.connect):
                await loop.create_connection(lambda: link, instance.host, instance.port)
        except (OSError, TimeoutError):
            pass
        return self._link is not None

    def _another(self, pool: Pool, instance: Instance) -> Instance | None:
        """Nothing was sent, so that anybody else may have it."""
        self._failures = self._failures or Failures(pool, self.tie)
        now = clock()
        self._failures.add(instance, Failure.CONNECT, now)
        other = self._failures.another(
            Failure.CONNECT, instance, now, repeatable=True, whole=True, tries=0
        )
        if other is not None:
            self._leave(pool, instance)
        return other

    def _leave(self, pool: Pool, instance: Instance) -> None:
        instance.in_flight -= 1
        self._instance = None
        pool.retried(instance)

    def join(self, link: Link) -> None:
        """There is a connection to an instance."""
        caller, pool, instance, now = self._caller, self._pool, self._instance, clock()
        if self._over or link.transport is None or caller.transport is None:
            link.abort()
            return
        if pool is None or instance is None:
            return
        self._link = link
        instance.connections += 1
        instance.meter.observe(now - self._began)
        if instance.ejection.failures:
            instance.ejection.fine()
        caller.other, link.other = link, caller
        if pool.settings.send_proxy and (known := caller.addresses()):
            link.transport.write(header(*known))
        if caller.early:
            link.transport.write(caller.early)
            caller.early = b""
        caller.forward_to(link)
        caller.read(wanted=True)
        if caller.ended:
            link.transport.write_eof()
        self.due = now + self._front.settings.tunnel_idle

    # ---- from outside -------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """As long as it lasts."""
        return True

    @property
    def unsent(self) -> int:
        """Bytes that the caller has not taken yet."""
        return self._caller.unsent

    def expired(self, now: float) -> None:
        """`due` has passed: it waits for too long, or may be idle."""
        if self._link is None:
            self._end("refused")
            return
        idle = self._front.settings.tunnel_idle
        if self._left is None and self._caller.transport and self._link.transport:
            quiet = min(_quiet(self._caller), _quiet(self._link))
            if quiet < idle:
                self.due = now + idle - quiet
                return
        self.due = now + idle
        left = self._caller.unsent + self._link.unsent
        if self._left is not None and left >= self._left:
            for end in (self._link, self._caller):  # which the kernel would keep for minutes
                end.reset()
            return
        self._left = left
        self._caller.close()
        self._link.close()

    def leave(self) -> None:
        """It is let go on; only who is not served yet is turned away."""
        if self._waiting:
            self._end("refused")

    def drop(self) -> None:
        """Ends both at once."""
        if self._link is not None:
            self._link.abort()
        self._caller.abort()

    def end_lost(self) -> None:
        """One end has gone; when both have, it is over."""
        if self._link is None:
            self._end("left")
        elif self._caller.transport is None and self._link.transport is None:
            self._end("done")

    def _end(self, outcome: str) -> None:
        if self._over:
            return
        self._over = True
        front, pool, instance = self._front, self._pool, self._instance
        if self._dialing is not None and self._link is None:
            dialing, self._dialing = self._dialing, None
            if dialing is not asyncio.current_task():
                dialing.cancel()
        if outcome != "done":
            self._caller.abort()
        front.callers.discard(self)
        front.tunnels[outcome] = front.tunnels.get(outcome, 0) + 1
        if instance is not None:
            instance.in_flight -= 1
            instance.connections -= outcome == "done"
        if pool is not None:
            self._free(pool)
            pool.errors += outcome in ("refused", "unreachable")

    def _free(self, pool: Pool) -> None:
        if self._waiting:
            self._waiting = False
            pool.waiting.remove(self)
        if self._admitted:
            pool.in_flight -= 1
            if pool.waiting:
                pool.serve_waiting(clock())


def _quiet(end: End) -> float:
    """Seconds since the kernel last received a byte from there; 0 if it does not say."""
    if end.transport is None or _TCP_INFO is None:
        return 0.0
    with contextlib.suppress(OSError, AttributeError, struct.error):
        info = end.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 104)
        milliseconds: int = struct.unpack_from("=I", info, _LAST_DATA_RECEIVED)[0]
        return milliseconds / 1000
    return 0.0
