"""Tells in one line each what one balancer sees change, with the time since a given moment.

`python -m loadtests.watch.changes URL --since EPOCH --for SECONDS`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import time
from dataclasses import replace

from loadtests.progress import clock
from loadtests.watch.collect import Addresses, Collector, host
from loadtests.watch.model import changes
from loadtests.watch.seen import BalancerSeen, Gone

_EVERY_SECONDS = 1.0


async def tell(url: str, since: float, until: float) -> None:
    """Looks once a second; `since` and `until` are seconds since the epoch.

    The balancer says since when each state is so: a line's time is right though it comes later,
    and what changed within that second is one line.
    """
    where = replace(Addresses.from_env(os.environ), admins=(url,), brokers=(), redis=())
    before: BalancerSeen | Gone | None = None
    async with Collector(where) as collector:
        while time.time() < until:
            now = await collector.balancer(url)
            for change in changes(before, now):
                # Older than the last look: it was so before its name was known.
                at = max(0.0, time.time() - since - min(change.ago, _EVERY_SECONDS))
                print(f"  {clock(at)}.{int(at * 10) % 10}  {host(url)}: {change.what}", flush=True)  # noqa: T201
            before = now
            await asyncio.sleep(_EVERY_SECONDS)


def main() -> int:
    """Returns when the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="the balancer's admin listener")
    parser.add_argument("--since", type=float, default=time.time(), help="seconds since the epoch")
    parser.add_argument("--for", type=float, default=120.0, dest="seconds", help="seconds to look")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(tell(options.url, options.since, options.since + options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
