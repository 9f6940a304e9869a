"""`make soak`: constant mixed load with aborts, chunks and errors; is memory flat at the end?"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loadtests.bench import accounting, kept
from loadtests.bench.__main__ import two_cores
from loadtests.bench.measure import Cores
from loadtests.bench.peers import answers
from loadtests.bench.program import WORK, NotStarted, Program
from loadtests.bench.soak.load import Load
from loadtests.bench.soak.mute import KEPT
from loadtests.bench.soak.plot import plot
from loadtests.bench.soak.verdict import Sample, Verdict, judge
from loadtests.plan import PlanError
from loadtests.plan import seconds as seconds_of

_PORT, _TUNNELS, _BACKENDS = 8031, 8032, (9021, 9022)
_SAMPLES = 300
_LEAST_SECONDS = 1.0
_READY_SECONDS = 15.0
_REPORTS = 20
_KIB = 1024
_GROWS, _BAD_USE = 1, 2
_CONFIG = Path(__file__).with_name("holdfast.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 when everything stayed as it was."""
    options = _parser().parse_args(arguments)
    try:
        kept.prepare(options.out)
        seconds, cores = seconds_of(options.time), two_cores()
        samples, load = _soak(cores, seconds, leak=options.leak)
        verdict = judge(samples)
    except (kept.CannotKeep, PlanError, NotStarted, ValueError) as error:
        sys.stderr.write(f"soak: {error}\n")
        return _BAD_USE
    (options.out / "soak.svg").write_text(plot(samples, verdict))
    rows = [dataclasses.asdict(sample) for sample in samples]
    (options.out / "soak.json").write_text(json.dumps(rows) + "\n")
    sys.stdout.write(_says(verdict, load))
    return 0 if verdict.flat and not load.outcomes[KEPT] else _GROWS


def _soak(cores: Cores, seconds: float, *, leak: bool) -> tuple[list[Sample], Load]:
    os.sched_setaffinity(0, {cores.rest})
    counted = WORK / "soak.samples"
    programs = []
    try:
        for port in _BACKENDS:
            command = (sys.executable, "-m", "loadtests.bench.soak.backend", str(port))
            programs.append(Program.start(f"soak-{port}", command, core=cores.rest))
        options = ("--leak",) if leak else ()
        command = (sys.executable, "-m", "loadtests.bench.soak.start", str(counted), *options,
                   str(_CONFIG))  # fmt: skip
        balancer = Program.start("soak", command, core=cores.proxy)
        programs.append(balancer)
        balancer.wait_until(lambda: answers(_PORT), _READY_SECONDS)
        return asyncio.run(_load(balancer, counted, seconds))
    finally:
        for program in programs:
            program.stop()


async def _load(balancer: Program, counted: Path, seconds: float) -> tuple[list[Sample], Load]:
    load, stop, samples = Load(_PORT, _TUNNELS, random.Random(1)), asyncio.Event(), []
    running = asyncio.create_task(load.run(stop))
    began, told = time.monotonic(), 0.0
    while (at := time.monotonic() - began) < seconds and not running.done():
        await asyncio.sleep(max(_LEAST_SECONDS, seconds / _SAMPLES))
        sample = _sample(balancer, counted, load, time.monotonic() - began)
        samples.append(sample)
        if at - told >= seconds / _REPORTS:
            told = at
            sys.stdout.write(
                f"{at:5.0f}s  {load.requests} requests, {sample.rss / _KIB / _KIB:.1f} MiB, "
                f"{sample.fds} files, {sample.tasks} tasks, {sample.objects} objects\n"
            )
            sys.stdout.flush()
    stop.set()
    await running
    return samples, load


def _sample(balancer: Program, counted: Path, load: Load, at: float) -> Sample:
    """What the kernel says, and the last whole line of what it counts itself.

    Raises:
        NotStarted: the balancer is gone.
    """
    if balancer.popen.poll() is not None:
        raise NotStarted(f"the balancer has ended: {balancer.last_words()}")
    found = json.loads(counted.read_text().rpartition("\n")[0].rpartition("\n")[2])
    return Sample(
        at=at,
        requests=load.requests,
        rss=accounting.rss_kib(balancer.pid) * _KIB,
        fds=accounting.open_files(balancer.pid),
        tasks=found["tasks"],
        objects=found["objects"],
    )


def _says(verdict: Verdict, load: Load) -> str:
    outcomes = ", ".join(f"{name} {count}" for name, count in load.outcomes.most_common())
    lines = [f"\n{load.requests} requests, and callers that read nothing: {outcomes}"]
    if load.outcomes[KEPT]:
        lines.append(f"  KEPT: {load.outcomes[KEPT]} callers that did not read, over 15 s")
    for growth in verdict.growths:
        word = "flat" if growth.flat else "GROWS"
        lines.append(
            f"  {growth.name:8} {word}: {growth.grown:+,.0f} after warming up, of "
            f"{growth.median:,.0f}; {growth.allowed:,.0f} are allowed"
        )
    lines.append(
        f"{'flat' if verdict.flat else 'NOT FLAT'}. A leak of {verdict.leak_seen:.1f} bytes a "
        "request would have been found."
    )
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.soak", description=__doc__)
    parser.add_argument("--time", default="10m")
    parser.add_argument("--leak", action="store_true", help="plant a leak: it must be found")
    parser.add_argument("--out", type=Path, default=Path("reports/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
