"""The balancer as it is, and in the same process someone who counts its tasks and objects.

`start.py SAMPLES [--leak] CONFIG`: each second a line of JSON goes to SAMPLES. With --leak a
little memory is lost at every read from a caller: a soak that does not find it proves nothing.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

from loadbalancer.balancer import Balancer
from loadbalancer.cli import main
from loadbalancer.datapath.sockets import Caller

_EVERY_SECONDS = 1.0
_LEAKED_BYTES = 64


def leak() -> list[bytearray]:
    """Makes it lose memory; gives what it lost so far."""
    lost: list[bytearray] = []
    sound = Caller.data_received

    def data_received(self: Caller, data: bytes) -> None:
        lost.append(bytearray(_LEAKED_BYTES))
        sound(self, data)

    Caller.data_received = data_received  # type: ignore[method-assign]
    return lost


def count(path: Path) -> None:
    """Makes it write what it has, each second."""
    run = Balancer.run

    async def sample() -> None:
        with path.open("w", buffering=1) as out:
            while True:
                found = {
                    "at": time.monotonic(),
                    "tasks": len(asyncio.all_tasks()),
                    "objects": len(gc.get_objects()),
                }
                out.write(json.dumps(found) + "\n")
                await asyncio.sleep(_EVERY_SECONDS)

    async def run_and_sample(self: Balancer) -> None:
        task = asyncio.create_task(sample())
        try:
            await run(self)
        finally:
            task.cancel()

    Balancer.run = run_and_sample  # type: ignore[method-assign]


if __name__ == "__main__":
    count(Path(sys.argv[1]))
    if "--leak" in sys.argv:
        leak()
    main(["--config", sys.argv[-1]])
