"""The host's hands: scripts, docker, psql, and the client in its container. All of it blocks."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from gamedays import audit
from gamedays.audit import Question, Scope, Tables
from gamedays.nemeses.decisions import FAULT_SCRIPT, Instance, read_census

ROOT = Path(__file__).parents[1]
TOOLS_SCRIPT = "scripts/tools.sh"
REPORTS_SCRIPT = "scripts/reports.sh"

_COMMAND_SECONDS = 300.0
_SQL_SECONDS = 60.0
_FINISH_SECONDS = 30.0
_PSQL = ("psql", "-XAtq", "-h", "/tmp", "-U", "postgres", "-v", "ON_ERROR_STOP=1")  # noqa: S108


class CommandFailed(Exception):
    """A command on the host did not do what it should; the message has the end of its output."""


def run(*words: str, given: str = "", seconds: float = _COMMAND_SECONDS) -> str:
    """Runs a command in the repository and returns what it printed.

    Raises:
        CommandFailed: it failed, or took too long.
    """
    with subprocess.Popen(  # noqa: S603 - words of ours, no shell
        words,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C is for who started it
    ) as process:
        try:
            out, errors = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise CommandFailed(f"{' '.join(words)}: no end after {seconds:.0f} s") from error
        except BaseException:  # interrupted: of what is half done nobody knows what to undo
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_FINISH_SECONDS)
            raise
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise CommandFailed(f"{' '.join(words)}: {(out + errors).strip()[-600:]}")
    return out


def census() -> list[Instance]:
    """Who is there.

    Raises:
        CommandFailed: nothing runs.
    """
    return read_census(run(FAULT_SCRIPT, "list"))


class Auditor:
    """Reads the databases on whichever Postgres server is the primary."""

    def __init__(self, project: str) -> None:
        self._project = project

    def ask(self, questions: Sequence[Question], scope: Scope) -> Tables:
        """The answers.

        Raises:
            CommandFailed: no primary answers.
        """
        text = audit.PRIMARY_ONLY + audit.script(questions, scope)
        servers = [i.name for i in census() if i.program == "postgres" and i.state == "running"]
        why: list[str] = []
        for server in servers:
            try:
                return audit.read(questions, self._psql(server, text))
            except (CommandFailed, ValueError) as error:
                why.append(f"{server}: {str(error)[-160:]}")
        raise CommandFailed(f"no Postgres primary: {'; '.join(why) or 'none runs'}")

    def everything(self, scope: Scope) -> Tables:
        """All that the checkers want to know of a run.

        Raises:
            CommandFailed: no primary answers.
        """
        tables = self.ask((*audit.EFFECTS, *audit.COUNTS), scope)
        scope = audit.widened(scope, tables)
        del tables["charged"], tables["sold"]
        return tables | self.ask((audit.LEDGER, audit.CHARGES), scope)

    def _psql(self, server: str, text: str) -> str:
        container = f"{self._project}-{server}"
        return run("docker", "exec", "-i", container, *_PSQL, given=text, seconds=_SQL_SECONDS)


class ClientGone(Exception):
    """The workloads' process ended, or did not answer in time, or says why it cannot begin."""


class Refused(ClientGone):
    """They say that the cluster is not as it has to be, and end."""


class Client:
    """The workloads in their container: told by lines, and heard line by line."""

    def __init__(self, options: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - words of ours, no shell
            (TOOLS_SCRIPT, "python", "-m", "gamedays.workloads", *options),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._errors: list[bytes] = []
        threading.Thread(target=self._hear, daemon=True).start()
        threading.Thread(target=self._overhear, daemon=True).start()

    def tell(self, command: str) -> None:
        """One line to it.

        Raises:
            ClientGone: nobody listens.
        """
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(f"{command}\n".encode())
            self._process.stdin.flush()
        except OSError as error:
            raise ClientGone(self._last_words()) from error

    def hear(self, event: str, within: float) -> dict[str, Any]:
        """Waits for this event; any other that comes first is a refusal.

        Raises:
            ClientGone: see there.
            Refused: see there.
        """
        try:
            heard = self._events.get(timeout=within)
        except queue.Empty as error:
            raise ClientGone(f"no {event!r} from the client after {within:.0f} s") from error
        if heard is None:
            raise ClientGone(self._last_words())
        if heard["event"] != event:
            raise Refused(str(heard.get("why", heard)))
        return heard

    def watch(self, seconds: float) -> None:
        """Waits, as long as it lives.

        Raises:
            ClientGone: it does not.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                self._process.wait(timeout=min(left, 1.0))
            except subprocess.TimeoutExpired:
                continue
            raise ClientGone(self._last_words())

    def end(self) -> None:
        """No more commands; it ends by itself, or is made to."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait()

    def _hear(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            if line.startswith(b"{"):
                self._events.put(orjson.loads(line))
        self._events.put(None)

    def _overhear(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        for line in self._process.stderr:
            self._errors = [*self._errors[-19:], line]

    def _last_words(self) -> str:
        words = b"".join(self._errors).decode(errors="replace").strip()
        return f"the client ended: {words[-800:] or 'without a word'}"


def ensure(folder: Path) -> None:
    """Makes a folder for its parent's owner: the client in its container writes there too."""
    if folder.exists():
        return
    ensure(folder.parent)
    folder.mkdir()
    owner = folder.parent.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)


def prepare(folder: Path, *names: str) -> None:
    """Makes a folder of runs, before anything is done whose result could not be kept there.

    Raises:
        CommandFailed: it, or a file in it of these names, cannot be written; the message says
            what to do.
    """
    run(REPORTS_SCRIPT)
    try:
        ensure(ROOT / folder)
    except PermissionError as error:
        raise CommandFailed(f"user {os.getuid()} may not make {error.filename}") from error
    kept = [ROOT / folder / name for name in names]
    for path in (ROOT / folder, *filter(Path.exists, kept)):
        if not os.access(path, os.W_OK):
            raise CommandFailed(f"user {os.getuid()} may not write {path}: remove it, or be root")


def project() -> str:
    """The Compose project's name: of the environment, else of .env, as the scripts read it."""
    named = os.environ.get("COMPOSE_PROJECT_NAME", "")
    settings = ROOT / ".env"
    if not named and os.access(settings, os.R_OK):
        found = re.findall(r"^COMPOSE_PROJECT_NAME=(.*)$", settings.read_text(), re.MULTILINE)
        named = found[-1] if found else ""
    return named or "holdfast"
