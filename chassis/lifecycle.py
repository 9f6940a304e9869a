"""Start, get ready, drain, stop: the life of every process, in that order.

Live and ready are not the same. Live: the event loop answers; if not, restart it. Ready: give it
work. A process is ready once its own start is done and until it is told to stop. The loss of a
store that all instances share makes none of them unready: they would leave the pool all at once,
and a decided 503 from an instance beats a refusal from an empty pool.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import uvicorn
import uvloop

from chassis import logs
from chassis.metrics import TASK_CRASHES
from chassis.problems import Unavailable
from chassis.wire import Protocol

if TYPE_CHECKING:
    from fastapi import FastAPI

    from chassis.config import Settings

log = logging.getLogger(__name__)

# The balancers close idle connections after 30 s; the side that may start a request closes first.
_KEEP_ALIVE_SECONDS = 75
# The loop waits this long, not Python's 5 ms, for a thread that computes: kafka-python has several.
_SWITCH_SECONDS = 0.001
_RESTART_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0)


P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Settings")


class Lifecycle:
    """Whether this process is ready, and if not, why."""

    def __init__(self) -> None:
        self._steps: dict[str, asyncio.Event] = {}
        self.draining = False

    def wait_for(self, step: str) -> None:
        """The process is not ready until `step` is done."""
        self._steps[step] = asyncio.Event()

    def done(self, step: str) -> None:
        """`step` of the start is done."""
        self._steps.setdefault(step, asyncio.Event()).set()

    def after(
        self, step: str, work: Callable[P, Awaitable[T]]
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        """`work`, which begins only once `step` of the start is done, however early it is called.

        For what runs beside the start: a consumer whose tables are still being made would take
        its first events for poison.
        """

        async def when_done(*args: P.args, **kwargs: P.kwargs) -> T:
            await self._steps[step].wait()
            return await work(*args, **kwargs)

        return when_done

    @property
    def _waiting(self) -> list[str]:
        return sorted(step for step, done in self._steps.items() if not done.is_set())

    @property
    def ready(self) -> bool:
        """Give it work?"""
        return not self.draining and not self._waiting

    @property
    def reason(self) -> str:
        """In a word or two, for a person and for the balancer."""
        if self.draining:
            return "draining"
        if self._waiting:
            return "starting: " + ", ".join(self._waiting)
        return "ready"


@asynccontextmanager
async def background(name: str, work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Runs `work` beside the requests; when it fails it is logged, counted and started again.

    Not after the end of the block: work that answers its cancellation with an error has ended too.
    """
    stopping = asyncio.Event()

    async def supervise() -> None:
        failures = 0
        while not stopping.is_set():
            try:
                await work()
            except Unavailable as error:  # a store or the bus is away: no news in a traceback
                log.warning("background task waits", extra={"task": name, "reason": str(error)})
            except Exception:
                log.exception("background task failed", extra={"task": name})
                TASK_CRASHES.labels(name).inc()
            else:
                return
            if stopping.is_set():  # the cancellation has been used up
                return
            await asyncio.sleep(
                _RESTART_BACKOFF_SECONDS[min(failures, len(_RESTART_BACKOFF_SECONDS) - 1)]
            )
            failures += 1

    task = asyncio.create_task(supervise(), name=name)
    try:
        yield
    finally:
        stopping.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def startup(
    life: Lifecycle, step: str, work: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Does a step of the start in the background, as often as it takes; ready only afterwards."""
    life.wait_for(step)

    async def once() -> None:
        await work()
        life.done(step)
        log.info("start: done", extra={"step": step})

    async with background(step, once):
        yield


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: our drain comes before its stop."""

    def capture_signals(self) -> AbstractAsyncContextManager[None]:  # type: ignore[override]
        return nullcontext()


def _nobody_waited(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Libraries leave a name look-up behind when its caller gives up; that it fails is no news."""
    error = context.get("exception")
    if isinstance(error, OSError):
        log.info("nobody waited for this", extra={"reason": str(error)})
    else:
        loop.default_exception_handler(context)


Build = Callable[[S, Lifecycle], AbstractAsyncContextManager["FastAPI"]]


def run(settings: S, build: Build[S]) -> None:
    """The main function of every service: returns when the process has stopped cleanly."""
    logs.configure(settings)
    sys.setswitchinterval(_SWITCH_SECONDS)
    _take_turns()
    uvloop.run(_live(settings, build))


def _take_turns() -> None:
    """Asks the kernel not to interrupt whoever is at work when this process has something to do.

    With thirty processes on two cores each one that wakes would, and what that one had in the
    caches is gone: a quarter of the orders a second (docs/decisions/0009). See sched(7).
    """
    with suppress(AttributeError, OSError):  # Linux only; and a sandbox may forbid it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


async def _live(settings: S, build: Build[S]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_nobody_waited)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)

    life = Lifecycle()
    served_by = f"{settings.zone}/{settings.instance}"
    async with build(settings, life) as app:
        server = _Server(
            uvicorn.Config(
                app,
                host="0.0.0.0",
                port=settings.port,
                http=partial(Protocol, served_by=served_by),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,  # who a caller is, the gateway decides
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=int(settings.finish_seconds),
            )
        )
        serving = asyncio.create_task(server.serve(), name="serve")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        log.info("started", extra={"port": settings.port})
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)

        if not serving.done():
            life.draining = True
            log.info("draining", extra={"seconds": settings.drain_seconds})
            await asyncio.sleep(settings.drain_seconds)
            server.should_exit = True
        stopping.cancel()
        await serving
    log.info("stopped")
