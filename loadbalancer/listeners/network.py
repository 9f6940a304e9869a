"""Listening, dialing, and looking again and again at what is overdue."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic as clock
from typing import TYPE_CHECKING, cast

from loadbalancer.datapath import tunnel
from loadbalancer.datapath.sockets import Caller, Link, pooled
from loadbalancer.listeners.doors import Door, NotToBeHad, Service
from loadbalancer.wire.connection import Answers
from loadbalancer.wire.response import ResponseParser

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from loadbalancer.datapath.front import Front, Visitor
    from loadbalancer.datapath.sides import Asker
    from loadbalancer.listeners.greeting import Announced
    from loadbalancer.pools.instance import Instance
    from loadbalancer.wire.limits import Limits

Address = tuple[str, int]
_LOOK_SECONDS = 0.05
GRACE_SECONDS = 1.0
"""For requests that were sent to us before their sender could know that we stop."""


@dataclass(frozen=True, slots=True)
class _Entrance:
    """Makes what a new connection of a listener meets; the same for the same listener."""

    made: type[Caller | tunnel.Caller]
    front: Front

    def __call__(self, announced: Announced) -> asyncio.Protocol:
        return cast("asyncio.Protocol", self.made(self.front, announced))


class Network:
    """Listens, dials, and looks again and again at what is overdue."""

    def __init__(self, limits: Limits, *, shared: bool = False) -> None:
        """`shared`: other processes listen at the same addresses."""
        self._shared = shared
        self._doors: dict[Address, Door] = {}
        self._fronts: list[Front] = []
        self._leaving: list[tuple[Front, float, float]] = []
        self._dials: set[asyncio.Task[None]] = set()
        self.limit(limits)

    def limit(self, limits: Limits) -> None:
        """How much of everything is taken, from now on."""
        self._limits = limits
        self._parser = ResponseParser(limits)

    # ---- listening ----------------------------------------------------------------------------

    def open(self, addresses: Iterable[Address]) -> None:
        """Opens those of the addresses that are not open: all of them, or none.

        Raises:
            NotToBeHad: one of them.
        """
        new: dict[Address, Door] = {}
        try:
            for address in addresses:
                if address not in self._doors:
                    new[address] = Door(*address, shared=self._shared)
        except NotToBeHad:
            for door in new.values():
                door.close()
            raise
        self._doors.update(new)

    async def serve(
        self, fronts: Collection[Front], others: dict[Address, Service], drain_seconds: float
    ) -> None:
        """Serves these listeners, and something else at other addresses; all of them are open.

        A listener that is served no longer finishes what was begun, in `drain_seconds`.
        """
        before, self._fronts = self._fronts, list(fronts)
        for address, service in others.items():
            await self._doors[address].serve(service)
        for front in fronts:
            front.dial, front.pooled = self._dial, pooled
            await self.renew(front)
        now = clock()
        for front in before:
            if front not in fronts:
                front.draining = True
                self._leaving.append((front, now + GRACE_SECONDS, now + drain_seconds))
        self._shut(keep={front.address for front in fronts} | others.keys())

    async def renew(self, front: Front) -> None:
        """Its next connection meets it as it is by now."""
        settings = front.settings
        made = tunnel.Caller if settings.mode == "tcp" else Caller
        await self._doors[front.address].serve(
            Service(
                _Entrance(made, front),
                front.context,
                settings.tls.handshake if settings.tls else 0.0,
                settings.proxy_from,
                settings.head,
                settings.max_connections,
            )
        )

    def _shut(self, keep: Collection[Address]) -> None:
        for address in [a for a in self._doors if a not in keep]:
            self._doors.pop(address).shut()

    def stop_accepting(self) -> None:
        """No new connection is taken; every answer from now on ends its own."""
        for front in self._fronts:
            front.draining = True
        self._shut(keep=self._doors.keys() - {front.address for front in self._fronts})

    # ---- dialing ------------------------------------------------------------------------------

    def _dial(self, instance: Instance, asker: Asker) -> Callable[[], object]:
        task = asyncio.get_running_loop().create_task(self._connect(instance, asker))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)
        return task.cancel

    async def _connect(self, instance: Instance, asker: Asker) -> None:
        link = Link(instance, Answers(self._limits, self._parser))
        try:
            loop = asyncio.get_running_loop()
            protocol = cast("asyncio.Protocol", link)
            await loop.create_connection(lambda: protocol, instance.host, instance.port)
        except OSError:
            if asker.dialing is not None:
                asker.connect_failed()
        except asyncio.CancelledError:
            link.drop()  # nobody waits for it any more
        else:
            asker.connected(link, clock())

    # ---- time ---------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Ends what should have happened by now in exchanges."""
        for front in self._all():
            for exchange in [e for e in front.active if e.due <= now]:
                if exchange.due <= now:  # still: the end of another may have given it a place
                    exchange.expired(now)

    def hurry(self, instance: Instance) -> None:
        """An instance has fallen silent: requests that wait for it look for another one now."""
        for front in self._all():
            for exchange in front.active:
                if exchange.instance is instance:
                    exchange.hurry()

    def sweep_idle(self, now: float, instances: Iterable[Instance]) -> None:
        """Ends connections that have done nothing for too long."""
        for front in self._all():
            for caller in [c for c in front.callers if c.due <= now]:
                if caller.due <= now:
                    caller.expired(now)
        for instance in instances:
            for link in [i for i in instance.idle if isinstance(i, Link) and i.due <= now]:
                link.close()
        if self._leaving:
            self._see_off(now)

    def _see_off(self, now: float) -> None:
        for front, polite, last in self._leaving:
            for caller in list(front.callers):
                if now >= last:
                    caller.drop()
                elif now >= polite:
                    caller.leave()
        self._leaving = [gone for gone in self._leaving if gone[0].callers or gone[0].active]

    # ---- the end ------------------------------------------------------------------------------

    async def idle(self) -> None:
        """Returns when nothing is under way any more, and every answer was taken."""
        while any(f.active for f in self._all()) or any(  # noqa: ASYNC110 - sets that the hot path fills
            c.busy or c.unsent for c in self._callers()
        ):
            await asyncio.sleep(_LOOK_SECONDS)

    def close_idle(self) -> None:
        """Ends the connections of callers that ask for nothing."""
        for caller in self._callers():
            caller.leave()

    def close(self) -> None:
        """Ends what is left."""
        self._shut(keep=())
        for caller in self._callers():
            caller.drop()

    def _all(self) -> list[Front]:
        if not self._leaving:
            return self._fronts
        return self._fronts + [front for front, _, _ in self._leaving]

    def _callers(self) -> list[Visitor]:
        return [caller for front in self._all() for caller in front.callers]
