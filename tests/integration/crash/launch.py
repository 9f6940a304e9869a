"""Runs a service that dies at a point: `python -m tests.integration.crash.launch MODULE`.

What ships has no hook for this. Here a function is wrapped before the service begins:

    CRASH_AT  `after module:function` or `before module:Class.method`
    CRASH_ON  what has to be in the call's arguments, so that only the test's own event counts
"""

import asyncio
import functools
import importlib
import os
import runpy
import signal
import sys
from typing import Any

from chassis.bus.consumer import Consumer


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()  # not one more line


def _plant(at: str, on: str) -> None:
    when, place = at.split()
    module, _, path = place.partition(":")
    *classes, name = path.split(".")
    owner = functools.reduce(getattr, classes, importlib.import_module(module))
    inner = getattr(owner, name)
    assert asyncio.iscoroutinefunction(inner), place

    @functools.wraps(inner)
    async def planted(*args: Any, **kwargs: Any) -> Any:
        meant = on in repr((args, kwargs))
        if meant and when == "before":
            _die()
        result = await inner(*args, **kwargs)
        if meant:
            _die()
        return result

    setattr(owner, name, planted)


def _notice_the_dead_soon() -> None:
    """A killed member's partitions are free after its session: two seconds here, six elsewhere."""
    make = Consumer.__init__

    @functools.wraps(make)
    def made(self: Consumer, **options: Any) -> None:
        make(self, **options)
        self._config |= {"session_timeout_ms": 2_000, "heartbeat_interval_ms": 500}

    Consumer.__init__ = made  # type: ignore[method-assign]


if __name__ == "__main__":
    _notice_the_dead_soon()
    if "CRASH_AT" in os.environ:
        _plant(os.environ["CRASH_AT"], os.environ["CRASH_ON"])
    runpy.run_module(sys.argv[1], run_name="__main__")
