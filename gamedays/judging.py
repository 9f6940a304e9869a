"""From a scenario and a history to a result: pure. What every run is judged by is a table here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gamedays.checkers.acknowledged import NEWEST, ORDER, acknowledged, placed_by
from gamedays.checkers.availability import available
from gamedays.checkers.bank import bank
from gamedays.checkers.effects import effects
from gamedays.checkers.newcomers import newcomers
from gamedays.checkers.overload import amplification, goodput
from gamedays.checkers.recovery import detected, recovered
from gamedays.checkers.refusals import refusals
from gamedays.checkers.register import linearizable
from gamedays.checkers.seats import seats
from gamedays.checkers.telling import in_order, in_time
from gamedays.history import MACHINE, PHASE, History, HistoryBroken
from gamedays.scenario import Holds, Scenario
from gamedays.verdict import Checker, Verdict

PROBE, BROWSE, SESSION, SIGNING = "probe", "browse", "session", "signing"
"""Kinds of operations beside `order` and `newest`."""

SHARDS = 3
"""Of Redis. Each has a primary of its own, whose death the other two do not feel."""

ALWAYS: dict[str, Checker] = {
    "set": acknowledged,
    "total-queue": effects,
    "event order": in_order,
    "seats": seats,
    "bank": bank,
    "newest order": linearizable(NEWEST, placed_by),
    "unkeyed once": newcomers,
}
"""Integrity: no scenario may ask for less."""


def checkers(holds: Holds) -> dict[str, Checker]:
    """What a scenario is judged by, by the names in the verdict's table."""
    both = (PROBE, ORDER)
    found = dict(ALWAYS)
    if holds.sessions == "hold":
        found["sessions"] = linearizable(SESSION)
    probe, order = holds.probe, holds.order
    found["browsing"] = available(PROBE, gap_s=probe.gap_s, errors=probe.errors)
    found["ordering"] = available(ORDER, gap_s=order.gap_s, errors=order.errors)
    if holds.session is not None:
        session = holds.session
        found["signing in"] = available(
            SIGNING, gap_s=session.gap_s, errors=session.errors, keys=SHARDS
        )
    found["detection"] = detected(holds.detect_s)
    found["recovery"] = recovered(both, since=holds.recover_since, bound_s=holds.recover_s)
    found["effects in time"] = in_time(holds.effect_s)
    if holds.refuse_s is not None:
        found["refusals"] = refusals(ORDER, holds.refuse_s)
    if holds.attempts is not None:
        found["attempts"] = amplification(holds.attempts)
    if holds.goodput is not None:
        found["goodput"] = goodput(holds.goodput.within_s, holds.goodput.share)
    return found


@dataclass(frozen=True, slots=True)
class Check:
    """One checker's word, as the summary keeps it; `valid` null means unknown, which is no pass."""

    valid: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one scenario, as reports/gamedays/latest.json lists it. Times in seconds.

    Attributes:
        verdict: `pass`, `fail`, or `not run` with the reason in the check `run`; that is also the
            one check of a run that failed because its cluster did not come back.
        outage_s: the longest time without an acknowledged order or without a page for the probe.
        lost: acknowledged orders that are gone; where none is, effects that are missing.
        duplicated: orders, seats, captures, accounts and effects that are one too many.
        failed_requests: those under load that got no answer, or a 5xx, or lost their session.
    """

    scenario: str
    seed: int
    verdict: str
    checks: dict[str, Check]
    outage_s: float | None = None
    detect_s: float | None = None
    recover_s: float | None = None
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    failed_requests: int = 0
    requests: int = 0
    folder: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """All that had to hold did."""
        return self.verdict == "pass"

    def encode(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @staticmethod
    def decode(fields: Mapping[str, Any]) -> Result:
        """Reads what `encode` made."""
        checks = {name: Check(**check) for name, check in fields["checks"].items()}
        return Result(**{**fields, "checks": checks})


def not_run(scenario: str, seed: int, why: str) -> Result:
    """The result of a run that did not come to its fault, or not to its end."""
    return Result(scenario, seed, "not run", {"run": Check(False, why)})


def judge(scenario: Scenario, seed: int, history: History) -> Result:
    """Asks every checker. One that cannot read the history has not passed."""
    verdicts = {name: _ask(check, history) for name, check in checkers(scenario.holds).items()}
    under_load = history.under_load
    gaps = [
        verdicts[name].figures["gap_s"]
        for name in ("browsing", "ordering")
        if "gap_s" in verdicts[name].figures
    ]
    lost, duplicated = _counted(verdicts)
    return Result(
        scenario=scenario.name,
        seed=seed,
        verdict="pass" if all(v.valid for v in verdicts.values()) else "fail",
        checks={name: Check(v.valid, v.detail) for name, v in verdicts.items()},
        outage_s=max(gaps, default=None),
        detect_s=verdicts["detection"].figures.get("detect_s"),
        recover_s=verdicts["recovery"].figures.get("recover_s"),
        acknowledged=_figure(verdicts["set"], "acknowledged"),
        lost=lost,
        duplicated=duplicated,
        failed_requests=sum(not o.ok for o in under_load),
        requests=len(under_load),
        figures=_machine(history)
        | {
            f"{name}.{what}": number
            for name, verdict in verdicts.items()
            for what, number in verdict.figures.items()
        },
    )


def _machine(history: History) -> dict[str, float]:
    shares = [r.value["busy"] for r in history.marks(PHASE) if r.key == MACHINE]
    return {"machine.busy": round(shares[-1], 3)} if shares and shares[-1] is not None else {}


def _ask(check: Checker, history: History) -> Verdict:
    try:
        return check(history)
    except HistoryBroken as error:
        return Verdict(None, f"unknown: {error}")


_OWN_DOUBLES = ("set", "seats", "bank", "unkeyed once")
"""Orders, seats, captures and accounts: what one of these counts no other does."""


def _counted(verdicts: Mapping[str, Verdict]) -> tuple[int, int]:
    """What was lost, and what is there twice: each thing once, by the check that owns it.

    The queue's effects are counted where every order is there. One that is gone leaves effects
    without a cause, and totals that are too high: these are its loss, told again.
    """
    lost = _figure(verdicts["set"], "lost")
    duplicated = sum(_figure(verdicts[name], "duplicated") for name in _OWN_DOUBLES)
    if not lost:
        lost = _figure(verdicts["total-queue"], "lost")
        duplicated += _figure(verdicts["total-queue"], "duplicated")
    return lost, duplicated


def _figure(verdict: Verdict, name: str) -> int:
    return int(verdict.figures.get(name, 0))


def unwell(scenario: str, seed: int, why: str) -> Result:
    """The result of a run whose cluster did not come back: nobody is let off for that."""
    return replace(not_run(scenario, seed, why), verdict="fail")


_TOO_BUSY = 0.9
_COUNTS = ("orders", "lost", "twice", "failed requests")


def table(results: list[Result]) -> str:
    """The verdicts for a terminal: a line a scenario, and a line for each check that failed."""
    head = ("scenario", "verdict", "outage", "detected", "recovered", *_COUNTS)
    rows = [
        (
            result.scenario,
            result.verdict,
            *(_seconds(s) for s in (result.outage_s, result.detect_s, result.recover_s)),
            str(result.acknowledged),
            str(result.lost),
            str(result.duplicated),
            f"{result.failed_requests} of {result.requests}",
        )
        for result in results
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [_line(head, widths)]
    for result, row in zip(results, rows, strict=True):
        lines.append(_line(row, widths))
        lines += [
            f"    {name}: {check.detail}"
            for name, check in result.checks.items()
            if not check.valid
        ]
        if result.figures.get("machine.busy", 0.0) > _TOO_BUSY:
            busy = result.figures["machine.busy"]
            lines.append(f"    (the machine was {busy:.0%} busy: its times say little)")
    return "\n".join(lines)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
