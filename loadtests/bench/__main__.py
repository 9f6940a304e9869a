"""`make bench`: every scenario, every peer, a table, a plot and reports/bench/latest.json."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from loadtests.bench import kept, machine
from loadtests.bench.measure import Cores, Measured, Say, measure
from loadtests.bench.peers import HTTP, TCP, start_backends
from loadtests.bench.plot import plot
from loadtests.bench.program import NotStarted
from loadtests.bench.scenarios import SCENARIOS
from loadtests.bench.table import page
from loadtests.plan import PlanError
from loadtests.plan import seconds as seconds_of

_NEEDED_CORES = 2
_FAILED, _BAD_USE = 1, 2
T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 when every peer that is there was measured without an error."""
    options = _parser().parse_args(arguments)
    try:
        kept.prepare(options.out)
        seconds = seconds_of(options.time)
        scenarios = chosen(options.scenarios, {one.name: one for one in SCENARIOS})
        names = chosen(options.peers, {one.name: one.name for one in (*HTTP, *TCP)})
        some(options.rounds)
        cores = two_cores()
    except (kept.CannotKeep, PlanError, NotStarted) as error:
        sys.stderr.write(f"bench: {error}\n")
        return _BAD_USE
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:4.0f}s  {text}\n")
        sys.stdout.flush()

    os.sched_setaffinity(0, {cores.rest})  # idle connections are held by this process
    backends = start_backends(cores.rest)
    rows: list[Measured] = []
    try:
        for scenario in scenarios:
            peers = [peer for peer in scenario.peers if peer.name in names]
            rows += measure(
                scenario, peers, backends, cores, rounds=options.rounds, seconds=seconds, say=say
            )
    finally:
        backends.stop()
    return _finish(rows, options.out, say)


def _finish(measured: list[Measured], out: Path, say: Say) -> int:
    """A run of some scenarios or peers leaves the rows of the others as they are."""
    when = kept.now()
    found = [{**row.as_json(), "measured": when} for row in measured if not row.failed]
    order = {one.name: at for at, one in enumerate(SCENARIOS)}
    rows = kept.merge(kept.read(out / "latest.json"), found, ("scenario", "peer"), order)
    left_out = [(row.scenario.name, row.peer, row.failed) for row in measured if row.failed]
    text = page(rows, machine.describe(), left_out)
    kept.write(out / "latest.json", rows)
    (out / "table.md").write_text(text)
    (out / "plot.svg").write_text(plot(rows))
    sys.stdout.write("\n" + text + "\n")
    say(f"written: {out}/latest.json, table.md, plot.svg")
    return 0 if found else _FAILED


def two_cores() -> Cores:
    """The first two that this process may use.

    Raises:
        NotStarted: there is only one.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < _NEEDED_CORES:
        raise NotStarted("two cores are needed: one for the proxy, one for everything else")
    return Cores(proxy=allowed[0], rest=allowed[1])


def some(rounds: int) -> None:
    """Has at least one.

    Raises:
        PlanError: there is none.
    """
    if rounds < 1:
        raise PlanError(f"ROUNDS={rounds}: 1 or more")


def chosen(names: str, known: dict[str, T]) -> list[T]:
    """What a list of names on the command line means; all, if it is empty.

    Raises:
        PlanError: one of them is not known.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()] or list(known)
    for name in wanted:
        if name not in known:
            raise PlanError(f"there is no {name!r}, only {', '.join(known)}")
    return [known[name] for name in wanted]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each peer in each scenario")
    parser.add_argument("--time", default="3s", help="of a round")
    parser.add_argument("--scenarios", default="", help=", ".join(s.name for s in SCENARIOS))
    parser.add_argument("--peers", default="", help=", ".join(p.name for p in HTTP))
    parser.add_argument("--out", type=Path, default=Path("reports/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
