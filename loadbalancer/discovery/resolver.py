"""Discovery by DNS: each name is asked again every second, in threads that may hang alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic as clock

from loadbalancer.pools.pool import Pool

_MOST_THREADS = 32
_INTERVAL = 1.0
_ALIVE_SECONDS = 3.0
# Said by the name service itself: there is no such name, or it has no address.
_NO_ADDRESS = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


@dataclass(frozen=True, slots=True)
class Source:
    """A name whose addresses are instances."""

    pool: Pool
    name: str
    port: int
    zone: str = ""
    weight: int = 1

    @property
    def key(self) -> str:
        """Under which the pool knows it."""
        return f"dns {self.name}:{self.port}"


class Resolver:
    """Asks for all names, and tells the pools what it hears. Silence changes nothing."""

    def __init__(self) -> None:
        self._sources: frozenset[Source] = frozenset()
        # One a name: Docker takes a second to know nothing of a name, and others must not wait.
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="resolver")
        self._answered = -_ALIVE_SECONDS
        self._running: set[Source] = set()
        self._unasked: frozenset[Source] = frozenset()
        self.first_round = asyncio.Event()
        """Every name was asked once, with whatever outcome."""

    def ask_for(self, sources: Iterable[Source]) -> None:
        """These names from now on, and no others."""
        before, self._sources = self._sources, frozenset(sources)
        self._unasked = (self._unasked & self._sources) | (self._sources - before)
        if not self._unasked:
            self.first_round.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                for source in self._sources:
                    if source not in self._running:
                        self._ask(source)
                await asyncio.sleep(_INTERVAL)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, source: Source) -> None:
        self._running.add(source)
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._threads, addresses, source.name, source.port)
        answer.add_done_callback(lambda done: self._heard(source, done))

    def _heard(self, source: Source, answer: asyncio.Future[list[tuple[str, int]]]) -> None:
        self._running.discard(source)
        self._unasked -= {source}
        if not self._unasked:
            self.first_round.set()
        if answer.cancelled() or source not in self._sources:
            return
        now = clock()
        try:
            found = answer.result()
            self._answered = now
        except OSError:
            if now - self._answered > _ALIVE_SECONDS:
                return  # the name service is away: what was known stays
            found = []  # it answers for other names: this one has no address
        source.pool.discovered(source.key, found, source.zone, now, source.weight)


def addresses(name: str, port: int) -> list[tuple[str, int]]:
    """The addresses of a name; none if it is known to have none.

    Those of IPv6 are taken if it has no others: where it has both, they are the same instances.
    Both are asked for at once, which takes no longer than one; one answer of the two counts.

    Raises:
        OSError: the name service gave no answer.
    """
    try:
        found = socket.getaddrinfo(name, port, socket.AF_UNSPEC, socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _NO_ADDRESS:
            return []
        raise
    by_family = {
        family: {(str(address[4][0]), port) for address in found if address[0] == family}
        for family in (socket.AF_INET, socket.AF_INET6)
    }
    return sorted(by_family[socket.AF_INET] or by_family[socket.AF_INET6])
