"""Listening, dialing, and looking again and again at what is overdue."""

from __future__ import annotations

import asyncio
from time import monotonic as clock
from typing import TYPE_CHECKING

from loadbalancer.sockets import Caller, Link
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.response import ResponseParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadbalancer.exchange import Exchange
    from loadbalancer.front import Front
    from loadbalancer.pools.instance import Instance
    from loadbalancer.wire.limits import Limits

_BACKLOG = 1_024
_LOOK_SECONDS = 0.05


class Network:
    """Listens, dials, and looks again and again at what is overdue."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser = ResponseParser(limits)
        self._fronts: list[Front] = []
        self._callers: set[Caller] = set()
        self._servers: list[asyncio.Server] = []
        self._dials: set[asyncio.Task[None]] = set()

    async def listen(self, front: Front) -> None:
        """Opens a listener.

        Raises:
            OSError: the address cannot be had.
        """
        front.dial, front.pooled = self._dial, pooled
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Caller(front, self._callers),
            front.settings.host,
            front.settings.port,
            backlog=_BACKLOG,
        )
        self._fronts.append(front)
        self._servers.append(server)

    def _dial(self, instance: Instance, exchange: Exchange) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(instance, exchange))
        exchange.dialing = task.cancel
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _connect(self, instance: Instance, exchange: Exchange) -> None:
        link = Link(instance, self._parser, HeadReader(self._limits))
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: link, instance.host, instance.port)
        except OSError:
            if exchange.dialing is not None:
                exchange.connect_failed()
        except asyncio.CancelledError:
            link.drop()  # nobody waits for it any more
        else:
            exchange.connected(link, clock())

    async def idle(self) -> None:
        """Returns when no request is under way any more, and every answer was taken."""
        while any(f.active for f in self._fronts) or any(c.unsent for c in self._callers):  # noqa: ASYNC110 - a set that the hot path fills
            await asyncio.sleep(_LOOK_SECONDS)

    def sweep(self, now: float) -> None:
        """Ends what should have happened by now in exchanges."""
        for front in self._fronts:
            for exchange in [e for e in front.active if e.due <= now]:
                exchange.expired(now)

    def hurry(self, instance: Instance) -> None:
        """An instance has fallen silent: requests that wait for it look for another one now."""
        for front in self._fronts:
            for exchange in front.active:
                if exchange.instance is instance:
                    exchange.hurry()

    def sweep_idle(self, now: float, instances: Iterable[Instance]) -> None:
        """Ends connections that have done nothing for too long."""
        for caller in [c for c in self._callers if c.due <= now and c.exchange is None]:
            caller.expired(now)
        for instance in instances:
            for link in [i for i in instance.idle if isinstance(i, Link) and i.due <= now]:
                link.close()

    def stop_accepting(self) -> None:
        """No new connection is taken; every answer from now on ends its own."""
        for front in self._fronts:
            front.draining = True
        for server in self._servers:
            server.close()

    def close_idle(self) -> None:
        """Ends the connections of callers that ask for nothing."""
        for caller in list(self._callers):
            caller.leave()

    def close(self) -> None:
        """Ends what is left."""
        for caller in list(self._callers):
            caller.drop()


def pooled(instance: Instance) -> Link | None:
    """A resting connection to an instance, the one that rested least, if there is one."""
    idle = instance.idle
    while idle:
        link = idle.pop()
        if isinstance(link, Link) and link.usable:
            return link
    return None
