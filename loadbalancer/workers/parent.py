"""The parent: starts the workers, watches them, and passes on what they tell each other.

It handles no traffic and has no event loop, so that it can fork at any time and hardly fail.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from time import monotonic as clock
from typing import TYPE_CHECKING, Any

from loadbalancer.config.config import Config
from loadbalancer.config.share import cores
from loadbalancer.config.table import ConfigError, why
from loadbalancer.listeners.certificates import Certificates
from loadbalancer.listeners.doors import NotToBeHad, sockets_at
from loadbalancer.observe import report
from loadbalancer.workers.crew import Action, Crew, Kill, Start, Stop
from loadbalancer.workers.mate import Mate

if TYPE_CHECKING:
    from loadbalancer.observe.events import Events

_LONGEST_LOOK = 0.2
_READ = 1_048_576
_MOST_UNREAD = 64 * 1_048_576
"""Bytes that a worker has not read; beyond, it is as good as hung."""
_MARGIN_SECONDS = 3.0
"""After the workers' own deadline."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
Work = Callable[[Config, Mate], None]


class _Line:
    """A worker's process and the line to it."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self.socket = line
        self.read = b""
        self.unsent = b""
        self.numbers: dict[str, Any] = {}


class Parent:
    """See the top of this file."""

    def __init__(
        self, config: Config, events: Events, read: Callable[[], Config] | None, work: Work
    ) -> None:
        """`read` gives the configuration as it is by now; `work` is what a worker does.

        Raises:
            ConfigError: an address cannot be had.
        """
        self._config = config
        self._events = events
        self._read_config = read
        self._work = work
        self._crew = Crew(cores(config))
        self._lines: dict[int, _Line] = {}
        self._departed: dict[str, Any] = {}
        self._addresses: dict[tuple[str, int], list[socket.socket]] = {}
        self._reserve(config)
        self._selector = selectors.DefaultSelector()
        self._awake, self._wake = socket.socketpair()
        self._caught: list[int] = []
        self._last_moment: float | None = None

    def run(self) -> None:
        """Until told to stop, and until all workers have."""
        self._awake.setblocking(False)
        self._wake.setblocking(False)
        for number in _SIGNALS:
            signal.signal(number, lambda caught, _: self._caught.append(caught))
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._awake, selectors.EVENT_READ)
        self._tell("workers", number=cores(self._config))
        while self._last_moment is None or self._lines:
            self._look()
            self._handle_signals()
            now = clock()
            for action in self._crew.due(now):
                self._do(action, now)
            if self._last_moment is not None and now >= self._last_moment:
                self._signal_all(signal.SIGKILL)
        self._tell("all stopped")

    # ---- signals ------------------------------------------------------------------------------

    def _handle_signals(self) -> None:
        caught, self._caught = self._caught, []
        for number in caught:
            if number == signal.SIGCHLD:
                self._reap()
            elif number == signal.SIGHUP:
                self._reload("SIGHUP")
            elif self._last_moment is None:
                self._crew.stop()
                self._last_moment = clock() + self._config.drain_seconds + _MARGIN_SECONDS
                self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for line in self._lines.values():
            os.kill(line.pid, number)

    def _reap(self) -> None:
        for worker, line in list(self._lines.items()):
            pid, status = os.waitpid(line.pid, os.WNOHANG)
            if pid:
                self._ended(worker, line, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: int, line: _Line, code: int) -> None:
        del self._lines[worker]
        self._hang_up(line)
        departed = report.add(self._departed, {"sums": line.numbers.get("sums", {})})
        self._departed = report.without_strangers(
            departed, [line.numbers, *(other.numbers for other in self._lines.values())]
        )
        wait = self._crew.died(worker, clock())
        if self._last_moment is None:
            how = signal.Signals(-code).name if code < 0 else f"status {code}"
            self._tell("worker died", level="ERROR", which=worker, pid=line.pid, reason=how,
                       again_in_s=wait)  # fmt: skip
        self._send_leader(kind="numbers", worker=worker, numbers={})
        self._send_leader(kind="numbers", worker=0, numbers=self._departed)

    def _hang_up(self, line: _Line) -> None:
        if line.socket.fileno() >= 0:
            self._selector.unregister(line.socket)
            line.socket.close()

    # ---- workers ------------------------------------------------------------------------------

    def _do(self, action: Action, now: float) -> None:
        worker = action.worker
        if isinstance(action, Start):
            self._start(worker, now)
        elif isinstance(action, Kill):
            self._tell("worker hangs", level="ERROR", which=worker)
            os.kill(self._lines[worker].pid, signal.SIGKILL)
        elif isinstance(action, Stop):
            os.kill(self._lines[worker].pid, signal.SIGTERM)
        else:
            self._tell("worker leads", which=worker)
            self._send(worker, kind="lead")
            self._send(worker, kind="numbers", worker=0, numbers=self._departed)
            for other, line in self._lines.items():
                if other != worker and line.numbers:
                    self._send(worker, kind="numbers", worker=other, numbers=line.numbers)

    def _start(self, worker: int, now: float) -> None:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        # A signal must not come when the new process still has our way to handle it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if not pid:
            ours.close()
            self._be_worker(worker, theirs)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
        ours.setblocking(False)
        self._lines[worker] = _Line(pid, ours)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        self._crew.started(worker, now)
        self._send_leader(kind="joined")

    def _be_worker(self, worker: int, line: socket.socket) -> None:
        """In the new process; does not return."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: ours to say
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._selector.close()
            for mine in (self._awake, self._wake, *(one.socket for one in self._lines.values())):
                mine.close()
            for reserved in self._addresses.values():
                for one in reserved:
                    one.close()
            gc.freeze()
            self._work(self._config, Mate(worker, line))
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may get out into the parent's code
            sys.excepthook(*sys.exc_info())
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    # ---- messages -----------------------------------------------------------------------------

    def _look(self) -> None:
        until = _LONGEST_LOOK if not self._caught else 0.0
        for key, mask in self._selector.select(until):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._awake.recv(_READ)
            elif mask & selectors.EVENT_WRITE:
                self._flush(key.data)
            else:
                self._hear(key.data)

    def _hear(self, worker: int) -> None:
        line = self._lines.get(worker)
        if line is None:
            return
        try:
            data = line.socket.recv(_READ)
        except (BlockingIOError, ConnectionError):
            return
        if not data:  # it ends; SIGCHLD follows
            self._hang_up(line)
            return
        *lines, line.read = (line.read + data).split(b"\n")
        self._crew.heard(worker, clock())
        for one in lines:
            self._route(worker, line, one)

    def _route(self, worker: int, line: _Line, data: bytes) -> None:
        message = json.loads(data)
        if message["to"] == "others":
            if message["kind"] != "view" or worker == self._crew.leader:
                for other in self._lines:
                    if other != worker:
                        self._push(other, data + b"\n")
        elif message["to"] == "leader":
            if self._crew.leader is not None:
                self._push(self._crew.leader, data + b"\n")
        elif message["kind"] == "beat":
            line.numbers = message["numbers"]
            if worker != self._crew.leader:
                self._send_leader(kind="numbers", worker=worker, numbers=line.numbers)
        elif message["kind"] == "reload":
            self._send(worker, kind="reloaded", wrong=self._reload(message["asked_by"]))

    def _send_leader(self, **message: object) -> None:
        if self._crew.leader is not None:
            self._send(self._crew.leader, **message)

    def _send(self, to: int, **message: object) -> None:
        self._push(to, json.dumps(message).encode() + b"\n")

    def _push(self, worker: int, data: bytes) -> None:
        line = self._lines.get(worker)
        if line is not None and len(line.unsent) < _MOST_UNREAD:
            line.unsent += data
            self._flush(worker)

    def _flush(self, worker: int) -> None:
        line = self._lines[worker]
        if line.socket.fileno() < 0:
            return
        try:
            line.unsent = line.unsent[line.socket.send(line.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            line.unsent = b""  # it ends
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.unsent else 0)
        self._selector.modify(line.socket, wanted, worker)

    def _tell(self, event: str, *, level: str = "INFO", **fields: object) -> None:
        said = self._events.tell(event, level=level, **fields)
        self._send_leader(kind="event", line=said)

    # ---- configurations -----------------------------------------------------------------------

    def _reload(self, asked_by: str) -> str:
        """Takes the configuration as it is by now; gives why not, or nothing if it did."""
        try:
            if self._read_config is None:
                raise ConfigError("there is no file: the command line cannot change")  # noqa: TRY301 - one way out
            config = self._read_config()
            self._reserve(config)
        except Exception as error:  # noqa: BLE001 - nothing that is written there may end us
            wrong = why(error)
            self._tell("configuration refused", level="ERROR", reason=wrong, asked_by=asked_by)
            return wrong
        self._config = config
        self._events.called(config.instance, config.zone)
        self._crew.resize(cores(config))
        for worker in list(self._lines):
            self._send(worker, kind="config", text=config.text, workers=cores(config))
        self._tell("configuration taken", asked_by=asked_by)
        return ""

    def _reserve(self, config: Config) -> None:
        """Holds every address, without listening: so the workers can have it, and nobody else.

        Raises:
            ConfigError: one cannot be had, or a certificate is not good.
        """
        Certificates.read(config)
        wanted = {(front.host, front.port) for front, _ in config.listeners}
        if config.admin:
            wanted.add((config.admin.host, config.admin.port))
        new: dict[tuple[str, int], list[socket.socket]] = {}
        try:
            for address in wanted - self._addresses.keys():
                new[address] = sockets_at(*address, shared=True)
        except NotToBeHad as error:
            _close(new)
            key = config.address_key(error.address)
            raise config.located(ConfigError(f"{key}: {error}")) from error
        gone = {a: held for a, held in self._addresses.items() if a not in wanted}
        _close(gone)
        self._addresses = {a: h for a, h in self._addresses.items() if a in wanted} | new


def _close(addresses: dict[tuple[str, int], list[socket.socket]]) -> None:
    for held in addresses.values():
        for one in held:
            one.close()
