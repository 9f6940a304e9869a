"""What a configuration asks for: pools with their instances, and listeners with their routes.

A change keeps what stays: a pool (by its name) its instances and all that is known of them, a
listener (by its name and address) its connections. What goes finishes what was begun.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from time import monotonic as clock
from typing import TYPE_CHECKING

from loadbalancer.datapath.front import Front
from loadbalancer.datapath.routes import Routes
from loadbalancer.discovery.filewatch import FileWatch
from loadbalancer.discovery.resolver import Resolver, Source
from loadbalancer.pools.pool import Pool
from loadbalancer.wire.canonical import Hop

if TYPE_CHECKING:
    from pathlib import Path

    from loadbalancer.config.config import Config, PoolConfig
    from loadbalancer.datapath.tries import Tries
    from loadbalancer.discovery.members import Member
    from loadbalancer.pools.instance import Instance

Tell = Callable[..., None]
_FORGET_SECONDS = 300.0
"""An instance that has gone is shown for so long."""
_STAY_SECONDS = 60.0
"""A pool that goes is kept for a body that is on its way, or a connection that is seen off."""
_STATIC, _FILE = "static ", "file "


class Parts:
    """See the top of this file."""

    def __init__(
        self,
        tell: Tell,
        log_access: Callable[[Tries, float], None],
        hurry: Callable[[Instance], None],
    ) -> None:
        self._tell = tell
        self._log_access = log_access
        self._hurry = hurry
        self._chance = random.Random()  # noqa: S311 - jitter and choices, no secrets
        self.pools: dict[str, Pool] = {}
        self.leaving: dict[Pool, float] = {}
        """Pools of an earlier configuration, whose requests still run; and until when at least."""
        self.fronts: dict[str, Front] = {}
        self.resolver = Resolver()
        self.files = FileWatch(tell)

    def change(self, config: Config, *, leading: bool) -> None:
        """Becomes what this configuration asks for. Who does not lead is told who there is."""
        now = clock()
        self._change_pools(config, now)
        self._change_fronts(config)
        self._list_static(config, now)
        if leading:
            self.discover(config)

    def _change_pools(self, config: Config, now: float) -> None:
        before, self.pools = self.pools, {}
        for pool in config.pools:
            name = pool.settings.name
            known = before.pop(name, None)
            if known is None:
                known = Pool(pool.settings, config.zone, self._tell, self._chance)
                known.hurry = self._hurry
            else:
                known.reconfigure(pool.settings, config.zone, now)
            self.pools[name] = known
        self.leaving.update(dict.fromkeys(before.values(), now + _STAY_SECONDS))

    def _change_fronts(self, config: Config) -> None:
        before, self.fronts = self.fronts, {}
        for settings, routes in config.listeners:
            table = Routes(routes, self.pools)
            hop = Hop(config.instance, "https" if settings.tls else "http")
            served_by = f"{config.zone}/{config.instance}".lstrip("/")
            known = before.get(settings.name)
            if known is None or known.address != (settings.host, settings.port):
                self.fronts[settings.name] = Front(
                    settings, table, hop, served_by=served_by,
                    log_access=self._log_access, limits=config.limits,
                )  # fmt: skip
            else:
                known.reconfigure(settings, table, hop, served_by, config.limits)
                self.fronts[settings.name] = known

    # ---- instances ----------------------------------------------------------------------------

    def _list_static(self, config: Config, now: float) -> None:
        """Those that the configuration lists itself; who was listed otherwise and is not, goes."""
        for wanted in config.pools:
            pool = self.pools[wanted.settings.name]
            for m in wanted.static:
                pool.discovered(_STATIC + m.source, [(m.host, m.port)], m.zone, now, m.weight)
            staying = {_STATIC + m.source for m in wanted.static}
            staying |= {source.key for source in self._names(wanted)}
            for source in {i.source for i in pool.instances.values()} - staying:
                if not (wanted.file and source.startswith(_FILE)):
                    pool.dropped(source, now)

    def _names(self, wanted: PoolConfig) -> list[Source]:
        pool = self.pools[wanted.settings.name]
        return [Source(pool, m.host, m.port, m.zone, m.weight) for m in wanted.dns]

    def discover(self, config: Config) -> None:
        """Asks for names and reads files, from now on."""
        self.resolver.ask_for(name for wanted in config.pools for name in self._names(wanted))
        files: dict[Path, list[Callable[[tuple[Member, ...]], None]]] = {}
        for wanted in config.pools:
            if wanted.file:
                hear = partial(self._from_file, self.pools[wanted.settings.name])
                files.setdefault(wanted.file, []).append(hear)
        self.files.watch(files)

    def _from_file(self, pool: Pool, members: tuple[Member, ...]) -> None:
        now = clock()
        for m in members:
            pool.discovered(_FILE + m.source, [(m.host, m.port)], m.zone, now, m.weight)
        listed = {source for i in pool.instances.values() if (source := i.source).startswith(_FILE)}
        for source in listed - {_FILE + m.source for m in members}:
            pool.dropped(source, now)

    # ---- time ---------------------------------------------------------------------------------

    def serve_waiting(self, now: float) -> None:
        """Several times a second: who waits for a place may get one."""
        for pool in chain(self.pools.values(), self.leaving):
            if pool.waiting:
                pool.serve_waiting(now)

    def tick(self, now: float) -> None:
        """Once a second."""
        for front in self.fronts.values():
            front.tick()
        for pool in chain(self.pools.values(), self.leaving):
            pool.tick()
            pool.refresh(now)
            pool.forget(now, _FORGET_SECONDS)
        for pool, until in list(self.leaving.items()):
            if now >= until and not pool.in_flight and not pool.waiting:
                del self.leaving[pool]
                for source in {i.source for i in pool.instances.values()}:
                    pool.dropped(source, now)

    def instances(self) -> Iterator[Instance]:
        """All there are."""
        for pool in chain(self.pools.values(), self.leaving):
            yield from pool.instances.values()
