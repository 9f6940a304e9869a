"""`make watch`: draws the cluster once a second until it is told to stop; `--once` draws one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from rich.console import Console
from rich.live import Live

from loadtests.watch.collect import Addresses, Collector
from loadtests.watch.model import Watcher
from loadtests.watch.view import view

_EVERY_SECONDS = 1.0
_LOOKS_FOR_ONE = 3
"""By then Kafka and every instance's breakers have been asked."""


async def watch(console: Console, *, once: bool) -> None:
    """Draws on `console`."""
    watcher = Watcher()
    async with Collector(Addresses.from_env(os.environ)) as collector:
        if once:
            for _ in range(_LOOKS_FOR_ONE):
                picture = watcher.picture(await collector.look())
                await asyncio.sleep(_EVERY_SECONDS)
            picture = watcher.picture(await collector.look())
            console.print(view(picture, console.height))
            return
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                pause = asyncio.create_task(asyncio.sleep(_EVERY_SECONDS))
                picture = watcher.picture(await collector.look())
                live.update(view(picture, console.height), refresh=True)
                await pause


def main() -> int:
    """0, also when a person ends it."""
    once = "--once" in sys.argv[1:]
    # Where there is no terminal there is the size that it is made for.
    console = Console() if sys.stdout.isatty() else Console(width=100, height=40)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(watch(console, once=once))
    return 0


if __name__ == "__main__":
    sys.exit(main())
