"""`make watch`: draws the cluster once a second until it is told to stop; `--once` draws one.

Where its output is no terminal, each frame is printed below the one before, as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator

from rich.console import Console, RenderableType
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
        with _screen(console) as draw:
            while True:
                pause = asyncio.create_task(asyncio.sleep(_EVERY_SECONDS))
                picture = watcher.picture(await collector.look())
                draw(view(picture, console.height))
                await pause


async def until_told(drawing: Coroutine[None, None, None]) -> None:
    """Runs `drawing` to its end, or until SIGTERM or SIGINT.

    A handler that raised could do so where nobody hears it, as when an object is collected. And in
    a container this is the first process, which a signal without a handler does not end.
    """
    loop, task = asyncio.get_running_loop(), asyncio.create_task(drawing)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.contextmanager
def _screen(console: Console) -> Iterator[Callable[[RenderableType], None]]:
    """Gives what draws a frame: over the last one on a terminal, below it elsewhere."""
    if not console.is_terminal:
        # Live would keep the last frame for the end, and who is killed does not come there.
        yield lambda frame: console.print(frame, end="\n\n")
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda frame: live.update(frame, refresh=True)


def main() -> int:
    """0, also when it is told to end; 2 if it was asked for nonsense."""
    options = sys.argv[1:]
    if options not in ([], ["--once"]):
        print(f"what is {' '.join(options)}? There is only --once: one frame", file=sys.stderr)  # noqa: T201
        return 2
    # Where there is no terminal there is the size that it is made for.
    console = Console() if sys.stdout.isatty() else Console(width=100, height=40)
    asyncio.run(until_told(watch(console, once=options == ["--once"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
