"""The program: everything wired together, started, kept going, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from time import monotonic as clock
from typing import TYPE_CHECKING, Any

from loadbalancer import report
from loadbalancer.admin import Admin
from loadbalancer.doors import Factory
from loadbalancer.events import Events
from loadbalancer.health import Checker
from loadbalancer.network import GRACE_SECONDS, Address, Network
from loadbalancer.parts import Parts
from loadbalancer.table import ConfigError
from loadbalancer.tries import Tries

if TYPE_CHECKING:
    from loadbalancer.config import Config

TICK = 0.05
"""Seconds between sweeps: how late a time-out may be noticed."""
_TICKS_A_SECOND = 20
_IDLE_TICKS = 10


class Balancer:
    """See the top of this file."""

    def __init__(
        self, config: Config, events: Events, read: Callable[[], Config] | None = None
    ) -> None:
        """`read` gives the configuration as it is by now; without it none can be taken later."""
        self._config = config
        self._events = events
        self._read = read
        self._network = Network(config.limits)
        self._parts = Parts(events.tell, self._log_access, self._network.hurry)
        self._checker = Checker(config.limits)
        self._admin = Admin(self)
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._began = clock()
        self.unready = "starting"
        """Why no work should be given to this balancer; empty if it should."""

    async def run(self) -> None:
        """Until SIGTERM or SIGINT, and until what was under way has ended.

        Raises:
            ConfigError: the configuration cannot be had: an address is taken, say.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        await self._become(self._config)
        tasks = [
            asyncio.create_task(work)
            for work in (self._tick(), self._parts.resolver.run(), self._parts.files.run(),
                         self._get_ready())
        ]  # fmt: skip
        try:
            await self._until(stop, tasks)
            await self._drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._network.close()
        self._events.tell("stopped")

    # ---- configurations -----------------------------------------------------------------------

    def _hang_up(self) -> None:
        task = asyncio.get_running_loop().create_task(self.reload("SIGHUP"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reload(self, asked_by: str) -> str:
        """Takes the configuration as it is by now; gives why not, or nothing if it did."""
        async with self._changing:
            try:
                if self._read is None:
                    raise ConfigError("there is no file: the command line cannot change")  # noqa: TRY301 - one way out
                await self._become(self._read())
            except ConfigError as error:
                self._events.tell(
                    "configuration refused", level="ERROR", reason=str(error), asked_by=asked_by
                )
                return str(error)
            self._events.tell("configuration taken", asked_by=asked_by)
            return ""

    async def _become(self, config: Config) -> None:
        """All of it, or nothing.

        Raises:
            ConfigError: something that it names cannot be had.
        """
        fronts = {front.name: (front.host, front.port) for front, _ in config.listeners}
        private: dict[Address, Factory] = {}
        if config.admin:
            private[config.admin.host, config.admin.port] = self._admin.protocol
        try:
            self._network.open([*fronts.values(), *private])
        except OSError as error:
            raise ConfigError(f"{config.path or 'command line'}: {error}") from error
        before = {front.settings.name: front.address for front in self._parts.fronts.values()}
        self._config = config
        self._events.called(config.instance, config.zone)
        self._admin.allow(config.admin.token if config.admin else "")
        self._network.limit(config.limits)
        self._checker.limit(config.limits)
        self._parts.change(config)
        self._checker.pools = self._parts.pools
        await self._network.serve(self._parts.fronts.values(), private, config.drain_seconds)
        for name, (host, port) in fronts.items():
            if before.get(name) != (host, port):
                self._events.tell("listening", listener=name, address=f"{host}:{port}")

    # ---- time ---------------------------------------------------------------------------------

    async def _get_ready(self) -> None:
        await self._parts.resolver.first_round.wait()
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
                await asyncio.sleep(GRACE_SECONDS)
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
            self._parts.serve_waiting(now)
            if count % _IDLE_TICKS == 0:
                self._network.sweep_idle(now, self._parts.instances())
            if count % _TICKS_A_SECOND == 0:
                self._parts.tick(now)

    # ---- what the admin listener asks for -----------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What GET /state answers."""
        now = clock()
        return {
            "instance": self._config.instance,
            "zone": self._config.zone,
            "region": self._config.region,
            "uptime_s": round(now - self._began, 1),
            "pools": report.state(self._parts.pools.values(), now),
        }

    def metrics(self) -> str:
        """What GET /metrics answers."""
        return report.exposition(self._parts.pools.values(), self._parts.fronts.values(), clock())

    def drain(self, pool: str, name: str, *, drained: bool) -> bool:
        """Takes an instance out by hand, or lets it in again; gives whether there is such a one."""
        found = self._parts.pools[pool].find(name) if pool in self._parts.pools else None
        if found is None:
            return False
        found.drained = drained
        self._parts.pools[pool].refresh(clock())
        return True

    def _log_access(self, exchange: Tries, now: float) -> None:
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
