"""Rounds over all peers of a scenario, interleaved: a slow minute is everybody's."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from loadtests.bench import wrk
from loadtests.bench.accounting import core_seconds
from loadtests.bench.peers import Peer
from loadtests.bench.program import NotStarted, Program
from loadtests.bench.scenarios import Scenario
from loadtests.bench.spread import Spread

_WARM_SECONDS = 1.0
_LOOK_SECONDS = 0.2
_QUIET_SHARE = 0.05
_SETTLE_SECONDS = 15.0

Say = Callable[[str], None]


@dataclass
class Measured:
    """All rounds of a peer in a scenario."""

    scenario: Scenario
    peer: str
    results: list[wrk.Result] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """Of a core, for each request: the proxy's processes; going direct, the backends'."""
    disturbed: list[float] = field(default_factory=list)
    """Share of the proxy's core that something else used meanwhile."""
    lost: int = 0
    """Idle connections that did not stay."""
    failed: str = ""
    """Why it was not measured."""

    @property
    def rps(self) -> Spread:
        """Requests a second, over the rounds."""
        return Spread.of([result.rps for result in self.results])

    @property
    def errors(self) -> int:
        """Requests without a good answer, and lost connections, all rounds together."""
        return sum(result.errors for result in self.results) + self.lost

    def as_json(self) -> dict[str, object]:
        """An element of latest.json."""
        rps = self.rps
        return {
            "scenario": self.scenario.name,
            "peer": self.peer,
            "rps": {"median": round(rps.median, 1), "min": round(rps.min, 1),
                    "max": round(rps.max, 1)},
            "cpu_us_per_request": round(Spread.of(self.cpu_us).median, 2),
            "p50_ms": round(Spread.of([r.p50_ms for r in self.results]).median, 3),
            "p99_ms": round(Spread.of([r.p99_ms for r in self.results]).median, 3),
            "errors": self.errors,
            "disturbed": round(max(self.disturbed, default=0.0), 3),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cores:
    """Where what runs."""

    proxy: int
    rest: int
    """Backends and generator."""


def measure(
    scenario: Scenario, peers: Sequence[Peer], backends: Program, cores: Cores, *,
    rounds: int, seconds: float, say: Say,
) -> list[Measured]:  # fmt: skip
    """All rounds of a scenario."""
    rows = {peer.name: Measured(scenario, peer.name) for peer in peers}
    with _started(peers, cores.proxy, rows) as programs:
        running = [peer for peer in peers if not rows[peer.name].failed]
        for number in range(rounds):
            turn = number % len(running) if running else 0
            for peer in running[turn:] + running[:turn]:
                row = rows[peer.name]
                if row.failed:
                    continue
                say(f"{scenario.name}: round {number + 1} of {rounds}, {peer.name}")
                program = programs.get(peer.name, backends)
                settle(programs.values())
                try:
                    _round(row, peer, program, cores, seconds, label=f"{number}")
                except (OSError, wrk.NoResult) as error:
                    row.failed = str(error)
    return list(rows.values())


def settle(programs: Collection[Program]) -> None:
    """Returns when the peers rest, or after a quarter of a minute.

    A slow one still works at what it was asked last, and would take the core from the next.
    """
    until = time.monotonic() + _SETTLE_SECONDS
    used = sum(program.cpu_seconds() for program in programs)
    while time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        before, used = used, sum(program.cpu_seconds() for program in programs)
        if used - before < _QUIET_SHARE * _LOOK_SECONDS:
            return


def _round(
    row: Measured, peer: Peer, program: Program, cores: Cores, seconds: float, *, label: str
) -> None:
    scenario = row.scenario
    with wrk.idle_connections(peer.port, scenario.idle) as idle:
        wrk.run(scenario, peer.port, core=cores.rest, seconds=_WARM_SECONDS, label=f"w{label}")
        before, busy = program.cpu_seconds(), core_seconds(cores.proxy)
        began = time.monotonic()
        result = wrk.run(scenario, peer.port, core=cores.rest, seconds=seconds, label=label)
        used = program.cpu_seconds() - before
        if peer.command:  # going direct, the generator is on the backends' core
            others = core_seconds(cores.proxy) - busy - used
            row.disturbed.append(max(0.0, others / (time.monotonic() - began)))
        row.lost += idle.lost()
    if not result.requests:
        raise wrk.NoResult("not one request was answered")
    row.results.append(result)
    row.cpu_us.append(used / result.requests * 1e6)


@contextmanager
def _started(
    peers: Sequence[Peer], core: int, rows: dict[str, Measured]
) -> Iterator[dict[str, Program]]:
    """All at once: who is not asked costs next to nothing, and each round finds them warm."""
    programs: dict[str, Program] = {}
    try:
        for peer in peers:
            try:
                program = peer.start(core)
            except NotStarted as error:
                rows[peer.name].failed = str(error)
                continue
            if program is not None:
                programs[peer.name] = program
        yield programs
    finally:
        for program in programs.values():
            program.stop()
