"""Lines for standard output, written by a thread: who reads them slowly keeps nobody waiting.

What waits to be written has a bound. Beyond it lines are lost and counted, and one line says how
many, as soon as lines go out again.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic as clock

_MOST_BYTES = 4 * 1_048_576
_ATOMIC = select.PIPE_BUF
"""So many bytes at once arrive in one piece, whatever other processes write to the same pipe."""
_LOOK_SECONDS = 0.5
_TELL_SECONDS = 1.0
END_SECONDS = 1.0
"""What is queued at the end is written in this time, or not at all."""


class Output:
    """See the top of this file. Only one thread may call `write` and `close`."""

    def __init__(self, file: int | None = None, most: int = _MOST_BYTES) -> None:
        """`file`: its descriptor; standard output, if none is given. `most`: bytes that wait."""
        self._file = file if file is not None else _standard_output()
        self._most = most
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._put = 0
        """Bytes ever queued; this and `_full` belong to who writes, all others to the thread."""
        self._full = 0
        self._taken = 0
        self._ahead = b""
        self._broken = 0
        self._told = 0
        self._told_at = 0.0
        self.losses: Callable[[int], str] = "{} lines lost".format
        """Makes the line about so many lost ones."""

    @property
    def lost(self) -> int:
        """Lines for which there was no room, or nobody who takes them."""
        return self._full + self._broken

    def write(self, line: str) -> None:
        """Queues a line; never waits, and never fails."""
        data = line.encode(errors="backslashreplace") + b"\n"
        if self._file is None or self._put - self._taken + len(data) > self._most:
            self._full += 1
            return
        self._put += len(data)
        self._queue.put(data)
        if self._thread is None:  # not sooner: a process that forks has its own
            self._thread = threading.Thread(target=self._run, name="output", daemon=True)
            self._thread.start()

    def close(self, seconds: float = END_SECONDS) -> None:
        """Writes what is queued, if that takes no longer than so many seconds."""
        if self._thread is not None:
            self._queue.put(b"")
            self._thread.join(seconds)

    # ---- in the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        while lines := self._next():
            self._write(lines)
            self._taken += len(lines)
            self._tell_losses(at_once=self._queue.empty())
        self._tell_losses(at_once=True)

    def _next(self) -> bytes:
        """As many lines as go out in one piece, or one that is longer; nothing at the end."""
        lines = self._ahead or self._queue.get()
        self._ahead = b""
        while lines:
            try:
                more = self._queue.get_nowait()
            except Empty:
                break
            if not more:
                self._queue.put(more)  # the end, after these
                break
            if len(lines) + len(more) > _ATOMIC:
                self._ahead = more
                break
            lines += more
        return lines

    def _tell_losses(self, *, at_once: bool) -> None:
        lost, now = self.lost, clock()
        if lost > self._told and (at_once or now - self._told_at >= _TELL_SECONDS):
            told, self._told, self._told_at = self._told, lost, now
            self._write(self.losses(lost - told).encode() + b"\n")

    def _write(self, lines: bytes) -> None:
        left = lines
        while left and self._file is not None:
            try:
                left = left[os.write(self._file, left) :]
            except BlockingIOError:  # whoever shares it does not want to wait
                select.select([], [self._file], [], _LOOK_SECONDS)
            except OSError:
                self._broken += left.count(b"\n")
                return


def _standard_output() -> int | None:
    try:
        return sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return None
