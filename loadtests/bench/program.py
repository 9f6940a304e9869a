"""A program that is started for a measurement, on one core, and ended with its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench import accounting

WORK = Path("/tmp/bench")  # noqa: S108 - the container's own
_STOP_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_LINES_TOLD = 3


class NotStarted(Exception):
    """A program ended at once or did not get ready; the message says what it said."""


@dataclass
class Program:
    """A running one."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @staticmethod
    def start(
        name: str,
        command: Sequence[str],
        *,
        core: int,
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        """Starts it on one core, its output going to a file.

        Raises:
            NotStarted: there is no such program.
        """
        WORK.mkdir(parents=True, exist_ok=True)
        log = WORK / f"{name}.log"
        with log.open("wb") as out:
            try:
                popen = subprocess.Popen(
                    ["taskset", "-c", str(core), *command],
                    stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                    env={**os.environ, **(environment or {})}, start_new_session=True,
                )  # fmt: skip
            except FileNotFoundError as error:
                raise NotStarted(f"{error.filename} is not installed") from error
        return Program(name, popen, log)

    @property
    def pid(self) -> int:
        """Of its first process."""
        return self.popen.pid

    def cpu_seconds(self) -> float:
        """Time on a core since it was started, all its processes together."""
        return accounting.cpu_seconds(self.pid)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until it is ready.

        Raises:
            NotStarted: it has ended, or is not ready in time.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.popen.poll() is not None:
                raise NotStarted(f"ended with status {self.popen.returncode}: {self.last_words()}")
            if ready():
                return
            time.sleep(_LOOK_SECONDS)
        raise NotStarted(f"not ready within {seconds:g} s: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its output."""
        lines = self.log.read_text(errors="replace").splitlines()
        return " / ".join(lines[-_LINES_TOLD:]) or "it said nothing"

    def signal(self, number: int) -> None:
        """Tells the first process."""
        self.popen.send_signal(number)

    def kill(self) -> None:
        """Ends it at once, and all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> None:
        """Ends it in order, and all that is left of it by force."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(_STOP_SECONDS)
        self.kill()
