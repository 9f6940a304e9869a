"""The faults: what is done to the backends while the load goes on."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtests.bench.peers import answers
from loadtests.bench.program import Program

PORTS = (9011, 9012, 9013)
_READY_SECONDS = 15.0
_BETWEEN_SECONDS = 5.0
"""From one restart to the next: who came back has to be found again by checks (2 of them)."""
_LOOK_SECONDS = 0.05


class Backends:
    """Three of them, each with its log."""

    def __init__(self, work: Path, core: int) -> None:
        self._work = work
        self._core = core
        self.programs: list[Program] = []

    def start(self) -> None:
        """All of them; waits until they answer.

        Raises:
            NotStarted: one does not.
        """
        self.programs = [self._start(port) for port in PORTS]
        for program, port in zip(self.programs, PORTS, strict=True):
            program.wait_until(partial(answers, port), _READY_SECONDS)

    def _start(self, port: int) -> Program:
        module = "loadtests.bench.failover.backend"
        command = (sys.executable, "-m", module, str(port), str(self._work / f"{port}.effects"))
        return Program.start(f"backend-{port}", command, core=self._core)

    async def restart(self, at: int) -> None:
        """In order: SIGTERM, its end, a new one, ready."""
        program = self.programs[at]
        program.signal(signal.SIGTERM)
        while program.popen.poll() is None:  # noqa: ASYNC110 - a process, not a task
            await asyncio.sleep(_LOOK_SECONDS)
        program = self.programs[at] = self._start(PORTS[at])
        await asyncio.to_thread(program.wait_until, partial(answers, PORTS[at]), _READY_SECONDS)

    def effects(self) -> list[str]:
        """Every line that any of them wrote."""
        paths = self._work.glob("*.effects")
        return [line for path in paths for line in path.read_text().splitlines()]

    def stop(self) -> None:
        """Ends them and forgets what they wrote."""
        for program in self.programs:
            program.kill()
        for path in self._work.glob("*.effects"):
            path.unlink()


Fault = Callable[[Backends], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One fault."""

    name: str
    title: str
    fault: Fault
    hangs: bool = False
    """A backend takes requests and is silent: time is what it costs."""


def _signals(number: int) -> Fault:
    async def send(backends: Backends) -> None:
        backends.programs[0].signal(number)

    return send


async def _rolling(backends: Backends) -> None:
    for at in range(len(PORTS)):
        await backends.restart(at)
        await asyncio.sleep(_BETWEEN_SECONDS)


CASES = (
    Case("kill", "SIGKILL of one of three", _signals(signal.SIGKILL)),
    Case("hang", "SIGSTOP of one of three", _signals(signal.SIGSTOP), hangs=True),
    Case("term", "SIGTERM of one of three", _signals(signal.SIGTERM)),
    Case("errors", "one answers 500", _signals(signal.SIGUSR1)),
    Case("silent", "one accepts and never answers", _signals(signal.SIGUSR2), hangs=True),
    Case("gray", "one answers its checks and nothing else", _signals(signal.SIGHUP), hangs=True),
    Case("rolling", "a rolling restart of all", _rolling),
)
