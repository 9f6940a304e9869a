"""So many calls at a time, so many waiting, and no more: the rest of the process stays free.

Without it one slow peer collects every task, connection and thread of a process, and what had
nothing to do with that peer goes down as well.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from chassis.resilience.errors import BulkheadFull
from chassis.resilience.events import Observer, emit

if TYPE_CHECKING:
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")


class Bulkhead:
    """`async with bulkhead:` takes one of `limit` places and gives it back at the end.

    Places go to those who wait in the order they came, and nobody overtakes. Use it from one
    event loop.
    """

    def __init__(
        self,
        limit: int,
        queue: int = 0,
        queue_timeout: float = 1.0,
        *,
        name: str = "bulkhead",
        on_event: Observer | None = None,
    ) -> None:
        """Begins empty.

        Args:
            limit: places.
            queue: how many may wait for one; with 0 nobody waits.
            queue_timeout: seconds that one may wait.
            name: of what is behind it.
            on_event: told places in use, calls waiting, and each refusal.
        """
        if limit < 1 or queue < 0 or queue_timeout < 0:
            raise ValueError("A bulkhead needs a place, and neither queue nor time below 0")
        self.limit = limit
        self.queue = queue
        self.queue_timeout = queue_timeout
        self.name = name
        self._on_event = on_event
        self._in_use = 0
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def in_use(self) -> int:
        """Places taken."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return len(self._waiting)

    async def __aenter__(self) -> None:
        """Takes a place.

        Raises:
            BulkheadFull: at once when the queue is full, else after `queue_timeout`.
        """
        if self._in_use < self.limit:  # then nobody waits: a free place goes to a waiting call
            self._in_use += 1
            emit(self._on_event, self.name, "bulkhead_in_use", self._in_use)
        elif len(self._waiting) < self.queue:
            await self._wait()
        else:
            raise self._full("No place, and none left to wait in")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    async def run_in_thread(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs blocking work in one of `limit` threads of this bulkhead's own.

        When the caller is cancelled the thread works on, since nothing can stop it; its place is
        taken until it ends.

        Raises:
            BulkheadFull: see `__aenter__`.
        """
        await self.__aenter__()
        try:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.limit, thread_name_prefix=self.name)
            context = contextvars.copy_context()
            call = functools.partial(context.run, fn, *args, **kwargs)
            work = asyncio.get_running_loop().run_in_executor(self._threads, call)
        except BaseException:
            self._leave()
            raise
        work.add_done_callback(lambda _: self._leave())
        return await asyncio.shield(work)  # unshielded, cancelling would free the place too early

    def close(self) -> None:
        """Ends the threads once their work is done. Without `run_in_thread` there are none."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None

    async def _wait(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[place] = None
        emit(self._on_event, self.name, "bulkhead_waiting", len(self._waiting))
        try:
            async with asyncio.timeout(self.queue_timeout):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self._leave()  # got the place in the instant of giving up: the next one has it
            if isinstance(error, TimeoutError):
                raise self._full("Waited too long for a place") from None
            raise
        finally:
            self._waiting.pop(place, None)
            emit(self._on_event, self.name, "bulkhead_waiting", len(self._waiting))

    def _leave(self) -> None:
        """Hands the place to the first who still waits for one, else frees it."""
        while self._waiting:
            place, _ = self._waiting.popitem(last=False)
            if not place.done():
                place.set_result(None)
                return
        self._in_use -= 1
        emit(self._on_event, self.name, "bulkhead_in_use", self._in_use)

    def _full(self, why: str) -> BulkheadFull:
        emit(self._on_event, self.name, "bulkhead_rejected")
        return BulkheadFull(f"{self.name}: {why}", retry_after=self.queue_timeout or None)
