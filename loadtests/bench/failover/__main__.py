"""`make bench-failover`: every case, every peer, a table and reports/bench/failover.json."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loadtests.bench import kept, machine
from loadtests.bench.__main__ import chosen, two_cores
from loadtests.bench.failover.cases import CASES, Backends, Case
from loadtests.bench.failover.client import Done, Load
from loadtests.bench.failover.judge import Effects, complaints, rows
from loadtests.bench.failover.peers import PEERS
from loadtests.bench.failover.table import Result, page
from loadtests.bench.measure import Cores
from loadtests.bench.peers import OURS, Peer
from loadtests.bench.program import WORK, NotStarted
from loadtests.plan import PlanError
from loadtests.plan import seconds as seconds_of

_FAILED, _BAD_USE = 1, 2
_BEFORE_SECONDS = 3.0
"""So long a balancer has to learn what is usual."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 when this balancer kept every promise."""
    options = _parser().parse_args(arguments)
    try:
        kept.prepare(options.out)
        seconds = seconds_of(options.time)
        cases = chosen(options.cases, {case.name: case for case in CASES})
        peers = chosen(options.peers, {peer.name: peer for peer in PEERS})
        cores = two_cores()
    except (kept.CannotKeep, PlanError, NotStarted) as error:
        sys.stderr.write(f"bench-failover: {error}\n")
        return _BAD_USE
    os.sched_setaffinity(0, {cores.rest})
    began, results = time.monotonic(), []
    for case in cases:
        for peer in peers:
            sys.stdout.write(f"{time.monotonic() - began:4.0f}s  {case.title}: {peer.name}\n")
            sys.stdout.flush()
            results.append(_run(case, peer, cores, options.rate, seconds))
    return _finish(results, options.out, options.rate)


def _complaints(results: list[Result]) -> list[str]:
    """What this balancer did not do as it promises."""
    return [
        f"{result.case.title}: {text}"
        for result in results
        if result.peer == OURS
        for text in complaints(result.rows, hangs=result.case.hangs)
    ]


def _run(case: Case, peer: Peer, cores: Cores, rate: float, seconds: float) -> Result:
    WORK.mkdir(parents=True, exist_ok=True)
    result, backends, program = Result(case, peer.name), Backends(WORK, cores.rest), None
    try:
        backends.start()
        program = peer.start(cores.proxy)
        done = asyncio.run(_load(case, peer.port, backends, rate, seconds))
        result.rows = rows(done, Effects.read(backends.effects()), _BEFORE_SECONDS)
    except NotStarted as error:
        result.left_out = str(error)
    finally:
        if program is not None:
            program.stop()
        backends.stop()
    return result


async def _load(
    case: Case, port: int, backends: Backends, rate: float, seconds: float
) -> list[Done]:
    stop = asyncio.Event()
    load = asyncio.create_task(Load(port, rate, "r").run(stop))
    await asyncio.sleep(_BEFORE_SECONDS)
    began = time.monotonic()
    await case.fault(backends)
    await asyncio.sleep(max(2.0, seconds - (time.monotonic() - began)))
    stop.set()
    return await load


def _finish(results: list[Result], out: Path, rate: float) -> int:
    """A run of some cases or peers leaves the results of the others as they are."""
    when, order = kept.now(), {case.name: at for at, case in enumerate(CASES)}
    for result in results:
        result.measured = when
    found = [result.as_json() for result in results if result.rows]
    merged = kept.merge(kept.read(out / "failover.json"), found, ("case", "peer"), order)
    kept.write(out / "failover.json", merged)
    intro = (
        f"{rate:g} requests a second, open loop: half GET, the others PUT, POST with and without "
        f"Idempotency-Key, with Expect: 100-continue, and with 256 KiB. {machine.processor()}"
    )
    shown = [one for row in merged if (one := Result.from_json(row))]
    text = page([*shown, *(one for one in results if one.left_out)], intro, _complaints(shown))
    (out / "failover.md").write_text(text)
    sys.stdout.write(f"\n{text}\nwritten: {out}/failover.json, failover.md\n")
    return _FAILED if _complaints(results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.failover", description=__doc__)
    parser.add_argument("--time", default="10s", help="of load after the fault")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--cases", default="", help=", ".join(case.name for case in CASES))
    parser.add_argument("--peers", default="", help=", ".join(peer.name for peer in PEERS))
    parser.add_argument("--out", type=Path, default=Path("reports/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
