"""The program: everything wired together, started, kept going, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from time import monotonic as clock
from typing import TYPE_CHECKING, Any

from loadbalancer.config.config import Config, read
from loadbalancer.config.share import cores, share
from loadbalancer.config.table import ConfigError, why
from loadbalancer.config.texts import joined
from loadbalancer.datapath.tries import Tries
from loadbalancer.discovery.health import Checker
from loadbalancer.listeners.certificates import Certificates
from loadbalancer.listeners.doors import NotToBeHad, Service
from loadbalancer.listeners.network import GRACE_SECONDS, Address, Network
from loadbalancer.observe import accesslog, report
from loadbalancer.observe.admin import Admin
from loadbalancer.observe.events import Events
from loadbalancer.parts import Parts
from loadbalancer.workers.agreement import Agreement

if TYPE_CHECKING:
    from loadbalancer.pools.instance import Instance
    from loadbalancer.workers.mate import Mate

TICK = 0.05
"""Seconds between sweeps: how late a time-out may be noticed."""
_OVERSLEPT_SECONDS = 2 * TICK
_MOST_OVERSLEPT = 3
"""Ticks in a row: time-outs have to be noticed on a machine that is always late, too."""
_TICKS_A_SECOND = 20
_IDLE_TICKS = 10
_FIRST_WORD_SECONDS = 2.0
"""A worker hears what the others know before it takes callers."""


class Balancer:
    """See the top of this file."""

    def __init__(
        self,
        config: Config,
        events: Events,
        read_config: Callable[[], Config] | None = None,
        mate: Mate | None = None,
    ) -> None:
        """`read_config` gives the configuration as it is by now; without, none can be taken later.

        `mate` is there if this is one of several workers.
        """
        self._config = config
        self._events = events
        self._read = read_config
        self._network = Network(config.limits, shared=mate is not None)
        self._parts = Parts(self._tell_change, self._log_access, self._network.hurry)
        self._checker = Checker(config.limits)
        self._admin = Admin(self, events)
        self._certificates = Certificates(events.tell)
        self._mate = mate
        self._agreement = Agreement(
            mate, self._parts, clock, lead=self._lead, become=self._told_to_become,
            event=events.pass_on, own=self._own_numbers,
        ) if mate else None  # fmt: skip
        self._changing = asyncio.Lock()
        self._began = clock()
        self._background: set[asyncio.Task[None]] = set()
        self._group = asyncio.TaskGroup()
        self._stop = asyncio.Event()
        self.unready = "starting"
        """Why no work should be given to this balancer; empty if it should."""

    @property
    def _leading(self) -> bool:
        """Alone, or first among several."""
        return self._agreement is None or self._agreement.leading

    async def run(self) -> None:
        """Until SIGTERM or SIGINT, and until what was under way has ended.

        Raises:
            ConfigError: the configuration cannot be had: an address is taken, say.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        if self._mate is None:
            loop.add_signal_handler(signal.SIGINT, self._stop.set)
            loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        try:
            async with self._group:
                await self._start()
                await self._stop.wait()
                await self._drain()
                for task in list(self._background):
                    task.cancel()
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            self._network.close()
        self._events.tell("stopped")

    async def _start(self) -> None:
        agreement, mate = self._agreement, self._mate
        if agreement is None or mate is None:
            await self._become(self._config)
            self._keep_discovering()
        else:
            self._keep(self._stay_with_parent(mate, agreement))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_WORD_SECONDS):
                    await agreement.first_word.wait()
            await self._become(self._config)
            agreement.tick(clock())  # the first sign of life
        self._keep(self._tick())
        self._keep(self._get_ready())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Until the end. If it fails, the program ends: it would be a balancer that is blind."""
        task = self._group.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _keep_discovering(self) -> None:
        self._keep(self._parts.resolver.run())
        self._keep(self._parts.files.run())

    # ---- several workers ----------------------------------------------------------------------

    async def _stay_with_parent(self, mate: Mate, agreement: Agreement) -> None:
        await mate.listen(agreement.hear)
        self._stop.set()

    def _lead(self) -> None:
        self._keep_discovering()
        self._keep(self._become(self._config))  # with the leader's duties

    def _told_to_become(self, text: str, workers: int) -> None:
        if self._config.path:
            self._keep(self._become_quietly(partial(read, text, self._config.path), workers))

    async def _become_quietly(self, read: Callable[[], Config], workers: int) -> None:
        """The parent took it: whoever cannot, goes on with what it has, and says so."""
        await self._try(lambda: share(replace(read(), workers=workers)), "the parent")

    def _tell_change(self, event: str, **fields: Any) -> None:
        """Of what all workers know, one tells."""
        if self._leading:
            self._events.tell(event, **fields)

    # ---- configurations -----------------------------------------------------------------------

    def _hang_up(self) -> None:
        self._keep(self._reload_quietly())

    async def _reload_quietly(self) -> None:
        await self.reload("SIGHUP")

    async def reload(self, asked_by: str) -> str:
        """Takes the configuration as it is by now; gives why not, or nothing if it did."""
        if self._agreement:
            return await self._agreement.reload(asked_by)
        if wrong := await self._try(self._read or _no_file, asked_by):
            return wrong
        self._events.tell("configuration taken", asked_by=asked_by)
        if cores(self._config) > 1:
            self._events.tell("workers: several of them take a restart", level="WARNING")
        return ""

    async def _try(self, read: Callable[[], Config], asked_by: str) -> str:
        """Becomes what is read; if not, the old one goes on, and why is told and given."""
        try:
            await self._become(read())
        except Exception as error:  # noqa: BLE001 - nothing that is written there may end us
            wrong = why(error)
            self._events.tell(
                "configuration refused", level="ERROR", reason=wrong, asked_by=asked_by
            )
            return wrong
        return ""

    async def _become(self, config: Config) -> None:
        """All of it, or nothing; one after the other.

        Raises:
            ConfigError: something that it names cannot be had.
        """
        async with self._changing:
            await self._change(config)

    async def _change(self, config: Config) -> None:
        fronts = {front.name: (front.host, front.port) for front, _ in config.listeners}
        private: dict[Address, Service] = {}
        if config.admin and self._leading:
            private[config.admin.host, config.admin.port] = Service(self._admin.protocol)
        contexts = self._certificates.read(config)
        try:
            self._network.open([*fronts.values(), *private])
        except NotToBeHad as error:
            key = config.address_key(error.address)
            raise config.located(ConfigError(f"{key}: {error}")) from error
        before = {front.settings.name: front.address for front in self._parts.fronts.values()}
        self._config = config
        self._events.called(config.instance, config.zone)
        self._admin.allow(config.admin.token if config.admin else "")
        self._network.limit(config.limits)
        self._checker.limit(config.limits)
        self._parts.change(config, leading=self._leading)
        self._certificates.hand_over(contexts, self._parts.fronts)
        self._checker.pools = self._parts.pools
        if self._agreement:
            self._agreement.attach()
            self._agreement.follow()
        await self._network.serve(self._parts.fronts.values(), private, config.drain_seconds)
        for name, (host, port) in fronts.items():
            if before.get(name) != (host, port):
                self._events.tell("listening", listener=name, address=joined(host, port))

    # ---- time ---------------------------------------------------------------------------------

    async def _get_ready(self) -> None:
        if self._leading:
            await self._parts.resolver.first_round.wait()
        self.unready = ""
        self._events.tell("ready")

    async def _drain(self) -> None:
        self.unready = "draining"
        self._events.tell("draining", seconds=self._config.drain_seconds)
        self._network.stop_accepting()
        self._events.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_seconds):
                await asyncio.sleep(GRACE_SECONDS)
                self._network.close_idle()
                await self._network.idle()

    async def _tick(self) -> None:
        count = 0
        while True:
            now = await _next_tick()
            count += 1
            self._network.sweep(now)
            if self._leading:
                self._checker.start_due(now)
            if self._agreement:
                self._agreement.tick(now)
            self._parts.serve_waiting(now)
            if count % _IDLE_TICKS == 0:
                self._network.sweep_idle(now, self._parts.instances())
            if count % _TICKS_A_SECOND == 0:
                self._parts.tick(now)
                for name in self._certificates.look():
                    await self._network.renew(self._parts.fronts[name])

    # ---- what the admin listener asks for -----------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What GET /state answers."""
        now = clock()
        return {
            "instance": self._config.instance,
            "zone": self._config.zone,
            "region": self._config.region,
            "uptime_s": round(now - self._began, 1),
            "workers": cores(self._config) if self._mate else 1,
            "pools": report.state(self._parts.pools.values(), self._numbers(), now),
        }

    def metrics(self) -> str:
        """What GET /metrics answers."""
        return report.exposition(self._parts.pools.values(), self._numbers(), clock())

    def _numbers(self) -> report.Numbers:
        if self._agreement:
            return self._agreement.numbers()
        return self._own_numbers()

    def _own_numbers(self) -> report.Numbers:
        parts = self._parts
        return report.numbers(parts.pools.values(), parts.fronts.values(), self._events.lost)

    def drain(self, pool: str, name: str, *, drained: bool) -> bool:
        """Takes an instance out by hand, or lets it in again; gives whether there is such a one."""
        found = self._find(pool, name)
        if found is None:
            return False
        found.drained = drained
        self._parts.pools[pool].refresh(clock())
        return True

    def weigh(self, pool: str, name: str, weight: int) -> bool:
        """Gives an instance another weight; gives whether there is such a one."""
        found = self._find(pool, name)
        if found is None:
            return False
        if weight != found.weight:
            self._events.tell("instance weight", pool=pool, target=found.name, weight=weight,
                              was=found.weight, reason="by hand")  # fmt: skip
            found.weight = weight
            self._parts.pools[pool].refresh(clock())
        return True

    def _find(self, pool: str, name: str) -> Instance | None:
        return self._parts.pools[pool].find(name) if pool in self._parts.pools else None

    def _log_access(self, exchange: Tries, now: float) -> None:
        self._events.tell("request", **accesslog.line(exchange, now))


def _no_file() -> Config:
    raise ConfigError("there is no file: the command line cannot change")


async def _next_tick() -> float:
    """Waits for it; gives the time.

    One that was overslept does not count, unless three were in a row: this process itself was held
    up, and what had come in time by then has to be read before anybody is called late.
    """
    for _ in range(_MOST_OVERSLEPT):
        before = clock()
        await asyncio.sleep(TICK)
        if clock() - before <= _OVERSLEPT_SECONDS:
            break
    return clock()
