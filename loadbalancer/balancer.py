"""The program: everything wired together, started, kept going, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from time import monotonic as clock
from typing import TYPE_CHECKING, Any

from loadbalancer import report
from loadbalancer.admin import Admin
from loadbalancer.events import Events
from loadbalancer.exchange import Exchange
from loadbalancer.front import Front
from loadbalancer.health import Checker
from loadbalancer.network import Network
from loadbalancer.pools.pool import Pool
from loadbalancer.resolver import Resolver, Source
from loadbalancer.routes import Routes
from loadbalancer.wire.canonical import Hop

if TYPE_CHECKING:
    from loadbalancer.config import Config

TICK = 0.05
"""Seconds between sweeps: how late a time-out may be noticed."""
_TICKS_A_SECOND = 20
_IDLE_TICKS = 10
_FORGET_SECONDS = 300.0
"""An instance that has gone is shown for so long."""
_GRACE_SECONDS = 1.0
"""For requests that were sent to us before their sender could know that we stop."""


class Balancer:
    """See the top of this file."""

    def __init__(self, config: Config, events: Events) -> None:
        self._config = config
        self._events = events
        chance = random.Random()  # noqa: S311 - jitter and choices, no secrets
        self.pools = {
            pool.settings.name: Pool(pool.settings, config.zone, events.tell, chance)
            for pool in config.pools
        }
        self.fronts = [
            Front(
                settings,
                Routes(routes, self.pools),
                Hop(config.instance, trusted=settings.trusted),
                served_by=f"{config.zone}/{config.instance}",
                log_access=self._log_access,
                limits=config.limits,
            )
            for settings, routes in config.listeners
        ]
        self._network = Network(config.limits)
        for pool in self.pools.values():
            pool.hurry = self._network.hurry
        self._checker = Checker(self.pools.values(), config.limits)
        self._resolver = Resolver(
            [
                Source(self.pools[pool.settings.name], m.host, m.port, m.zone, m.weight)
                for pool in config.pools
                for m in pool.dns
            ]
        )
        self._admin: asyncio.Server | None = None
        self._began = clock()
        self.unready = "starting"
        """Why no work should be given to this balancer; empty if it should."""

    async def run(self) -> None:
        """Until SIGTERM or SIGINT, and until what was under way has ended.

        Raises:
            OSError: an address to listen on cannot be had.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._find_static()
        tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._resolver.run())]
        await self._open()
        tasks.append(asyncio.create_task(self._get_ready()))
        try:
            await self._until(stop, tasks)
            await self._drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._network.close()
        self._events.tell("stopped")

    async def _open(self) -> None:
        for front in self.fronts:
            await self._network.listen(front)
            where = f"{front.settings.host}:{front.settings.port}"
            self._events.tell("listening", listener=front.settings.name, address=where)
        admin = self._config.admin
        if admin is not None:
            self._admin = await Admin(self, admin.token).listen(admin.host, admin.port)
            self._events.tell("listening", listener="admin", address=f"{admin.host}:{admin.port}")

    async def _get_ready(self) -> None:
        await self._resolver.first_round.wait()
        self.unready = ""
        self._events.tell("ready")

    async def _until(self, stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
        """A task that fails ends the program: it would be a balancer that is blind."""
        stopping = asyncio.create_task(stop.wait())
        waiting: set[asyncio.Task[Any]] = {stopping, *tasks}
        while not stopping.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _drain(self) -> None:
        self.unready = "draining"
        self._events.tell("draining", seconds=self._config.drain_seconds)
        self._network.stop_accepting()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_seconds):
                await asyncio.sleep(_GRACE_SECONDS)
                self._network.close_idle()
                await self._network.idle()

    async def _tick(self) -> None:
        count = 0
        while True:
            await asyncio.sleep(TICK)
            count += 1
            now = clock()
            self._network.sweep(now)
            self._checker.start_due(now)
            for pool in self.pools.values():
                if pool.waiting:
                    pool.serve_waiting(now)
            if count % _IDLE_TICKS == 0:
                self._network.sweep_idle(
                    now, [i for pool in self.pools.values() for i in pool.instances.values()]
                )
            if count % _TICKS_A_SECOND == 0:
                for front in self.fronts:
                    front.tick()
                for pool in self.pools.values():
                    pool.tick()
                    pool.refresh(now)
                    pool.forget(now, _FORGET_SECONDS)

    def _find_static(self) -> None:
        now = clock()
        for pool in self._config.pools:
            for m in pool.static:
                found = self.pools[pool.settings.name]
                source = f"{m.host}:{m.port}"
                found.discovered(source, [(m.host, m.port)], m.zone, now, m.weight)

    # ---- what the admin listener asks for -----------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What GET /state answers."""
        now = clock()
        return {
            "instance": self._config.instance,
            "zone": self._config.zone,
            "region": self._config.region,
            "uptime_s": round(now - self._began, 1),
            "pools": report.state(self.pools.values(), now),
        }

    def metrics(self) -> str:
        """What GET /metrics answers."""
        return report.exposition(self.pools.values(), self.fronts, clock())

    def drain(self, pool: str, name: str, *, drained: bool) -> bool:
        """Takes an instance out by hand, or lets it in again; gives whether there is such a one."""
        found = self.pools[pool].find(name) if pool in self.pools else None
        if found is None:
            return False
        found.drained = drained
        self.pools[pool].refresh(clock())
        return True

    def _log_access(self, exchange: Exchange, now: float) -> None:
        head = exchange.head
        self._events.tell(
            "request",
            method=head.method.decode(),
            target=head.target.decode("latin-1"),
            status=exchange.status,
            pool=exchange.pool.name,
            to=exchange.instance.name if exchange.instance else "",
            tries=exchange.tries,
            ms=round((now - exchange.began) * 1000, 2),
            request_id=head.request_id.decode(),
        )
