"""One run of one scenario, from the steady state to the verdict."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import orjson

from gamedays import audit, history, machine
from gamedays.cluster import (
    ROOT,
    Auditor,
    Client,
    ClientGone,
    CommandFailed,
    Refused,
    census,
    ensure,
    run,
)
from gamedays.history import (
    FAULT,
    HEAL,
    HEALING,
    MACHINE,
    PHASE,
    History,
    HistoryBroken,
    Record,
    Writer,
)
from gamedays.interrupt import Interrupted
from gamedays.judging import Result, judge, not_run, unwell
from gamedays.nemeses.decisions import ROLES, WHO_WAS, Act, Roles, TargetUnknown, act, drawn
from gamedays.page import page
from gamedays.scenario import UNDOES_ITSELF, Scenario, Step

REPORTS = Path("reports/gamedays")
LATEST, RESULT, PAGE = "latest.json", "result.json", "report.html"

SMALL_DISK_SCRIPT = "scripts/small-disk.sh"

_CALM_SECONDS = 150.0
_READY_SECONDS, _STEADY_SECONDS, _ROLES_SECONDS = 60.0, 180.0, 30.0
_STOPPED_SECONDS, _WHOLE_SECONDS, _TOLD_SECONDS = 120.0, 120.0, 60.0
_QUIET_SECONDS, _SETTLE_SECONDS, _PAUSE_SECONDS = 60.0, 60.0, 2.0

_LATE = ("total-queue", "seats", "bank")
"""Checks that fail while an event is still on its way."""

Say = Callable[[str], None]


class NotWell(Exception):
    """The cluster did not come back, or did not do in order what it should: says what."""


class Conductor:
    """Has the client play, the nemesis strike and the auditor read, in the scenario's order."""

    def __init__(
        self, scenario: Scenario, seed: int, auditor: Auditor, say: Say, reports: Path = REPORTS
    ) -> None:
        self._scenario = scenario
        self._seed = seed
        self._auditor = auditor
        self._say = say
        self._rng = random.Random(seed)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self._hit: dict[str, tuple[str, ...]] = {}
        self.folder = reports / f"{stamp}-{scenario.name}"

    def run(self) -> Result:
        """The result; everything is healed when it is there."""
        self._say(f"{self._scenario.name}: {self._scenario.title} (seed {self._seed})")
        started = time.time()
        try:
            with self._disk():
                self._play(started)
                result = self._judge(started)
        except NotWell as error:
            result = unwell(self._scenario.name, self._seed, str(error))
        except (ClientGone, CommandFailed, TargetUnknown, HistoryBroken) as error:
            result = not_run(self._scenario.name, self._seed, str(error))
        return self._keep(result)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """The small disk, where the scenario needs it; taken away whatever happens."""
        if not self._scenario.small_disk:
            yield
            return
        try:
            run(SMALL_DISK_SCRIPT, "on")
            yield
        except BaseException:
            with self._or_say():
                run(SMALL_DISK_SCRIPT, "off")
            raise
        run(SMALL_DISK_SCRIPT, "off")

    @contextmanager
    def _or_say(self) -> Iterator[None]:
        """What fails while something else has failed is told; the first of them is what counts."""
        try:
            yield
        except CommandFailed as error:
            self._say(f"not undone: {error}")

    def _quiet(self, started: float) -> list[Record]:
        """Waits until nothing is under way from before; returns the totals then."""
        until = time.monotonic() + _QUIET_SECONDS
        while True:
            found = self._auditor.ask((audit.QUIET, *audit.COUNTS), audit.Scope(started))
            (quiet,) = found.pop("quiet")
            if not quiet["waiting"]:
                return audit.records(found, time.time())
            if time.monotonic() > until:
                raise CommandFailed(f"{quiet['waiting']} orders or events are still under way")
            time.sleep(_PAUSE_SECONDS)

    def _play(self, started: float) -> None:
        load = self._scenario.load
        client = Client(
            [
                str(self.folder),
                *("--seed", str(self._seed), "--steady", str(load.before_s)),
                *("--buying", str(load.buying), "--browsing", str(load.browsing)),
            ]
        )
        try:
            client.hear("ready", _READY_SECONDS)
            with closing(Writer(ROOT / self.folder)) as writer:
                client.tell("calm")
                client.hear("calm", _CALM_SECONDS)
                _write(writer, self._quiet(started))
                client.tell("begin")
                client.hear("steady", _STEADY_SECONDS + load.before_s)
                self._say(f"steady for {load.before_s:.0f} s")
                before_it = machine.processor()
                self._strike(client, writer)
                client.watch(load.after_s)
                busy = machine.busy(before_it, machine.processor())
                _note(writer, PHASE, MACHINE, {"busy": busy})
            client.tell("stop")
            client.hear("stopped", _STOPPED_SECONDS)
            self._say("load off, every purchase answered or given up")
            with suppress(CommandFailed):  # what is told later than that, the audit waits for
                self._quiet(started)
            client.tell("told")
            client.hear("told", _TOLD_SECONDS)
        finally:
            client.end()

    def _strike(self, client: Client, writer: Writer) -> None:
        """Every step. Whatever becomes of them, all is healed behind them."""
        steps = drawn(self._scenario.steps, census(), self._rng)
        broken = False
        try:
            for step in steps:
                before, broken = broken, True  # until it has done all of it
                self._step(step, client, writer)
                broken = not step.heals and (before or step.do not in UNDOES_ITSELF)
                client.watch(step.then_s)
        except BaseException as why:
            if broken:
                self._say(f"healing, for it is over: {why}")
                with self._or_say():
                    self._heal()
            raise

    def _heal(self) -> None:
        """Everything, and once more if it is interrupted: it is not a second time."""
        everything = act(Step(do="heal"), (), {}, self._rng)
        try:
            self._do(everything)
        except Interrupted:
            self._do(everything)
            raise

    def _step(self, step: Step, client: Client, writer: Writer) -> None:
        roles: Roles = {}
        if any(role in step.target for role in ROLES):
            client.tell("roles")
            roles = client.hear("roles", _ROLES_SECONDS)["roles"]
        todo = act(step, census(), {**roles, **self._hit}, self._rng)
        self._hit[WHO_WAS + step.do] = todo.targets
        self._hit |= {WHO_WAS + role: tuple(who) for role, who in roles.items()}
        what = " ".join(filter(None, (step.do, step.target)))
        value = {"targets": list(todo.targets), "did": [" ".join(c) for c in todo.commands]}
        if step.heals:
            _note(writer, PHASE, HEALING, value)
        else:
            _note(writer, FAULT, what, value | dict(todo.notes))
        try:
            self._do(todo, client)
        except (CommandFailed, Refused) as error:
            if step.do in UNDOES_ITSELF:
                raise NotWell(f"{what}: {error}") from error
            raise
        if step.heals:
            _note(writer, HEAL, what, value)

    def _do(self, todo: Act, client: Client | None = None) -> None:
        for command in todo.commands:
            # The acquirer's answer is all its knobs; what a person wants to know is the command.
            said = run(*command) if command[0].endswith("fault.sh") else run(*command) and ""
            self._say(said.strip().replace("\n", "; ") or " ".join(command))
            if todo.whole and client is not None and "heal" in command:
                client.tell("whole")
                client.hear("whole", _WHOLE_SECONDS)

    def _judge(self, started: float) -> Result:
        """Reads the truth until every effect is there, or it is too late for the last."""
        played = history.read(ROOT / self.folder)
        scope = audit.Scope(started, accounts=audit.accounts(played))
        until = time.monotonic() + _SETTLE_SECONDS
        said = ""
        while True:
            tables = self._auditor.everything(scope)
            records = audit.records(tables, time.time())
            whole = History([*played.records, *records])
            result = judge(self._scenario, self._seed, whole)
            waits = [name for name in _LATE if not result.checks[name].valid]
            if not waits or time.monotonic() > until:
                break
            waiting = f"waiting for {waits[0]}: {result.checks[waits[0]].detail}"
            if waiting != said:  # two seconds apart, a minute long: once is enough
                self._say(f"{waiting} (for {_SETTLE_SECONDS:.0f} s at most)")
                said = waiting
            time.sleep(_PAUSE_SECONDS)
        with closing(Writer(ROOT / self.folder)) as writer:
            _write(writer, records)
        return result

    def _keep(self, result: Result) -> Result:
        return keep(self._scenario, result, self.folder)


def keep(scenario: Scenario, result: Result, folder: Path) -> Result:
    """Writes the result and its page into the run's folder."""
    where = ROOT / folder
    result = replace(result, folder=str(folder))
    ensure(where)
    (where / RESULT).write_bytes(orjson.dumps(result.encode(), option=orjson.OPT_INDENT_2))
    try:
        played = history.read(where)
    except FileNotFoundError:
        played = History([])
    (where / PAGE).write_text(page(scenario, result, played), encoding="utf-8")
    return result


def _write(writer: Writer, records: Iterable[Record]) -> None:
    for record in records:
        writer.write(record)


def _note(writer: Writer, kind: str, key: str, value: object) -> None:
    writer.write(Record(time.time(), "nemesis", "info", kind, key, value))
