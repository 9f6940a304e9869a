"""Histories as short scripts, to be broken by hand."""

from __future__ import annotations

from typing import Any

from gamedays.history import (
    FAULT,
    HEAL,
    HEALING,
    LOAD_BEGINS,
    LOAD_ENDS,
    PHASE,
    SEEN,
    TRUTH,
    History,
    Record,
    Type,
)

START, END = 0.0, 100.0


def call(
    kind: str,
    key: str,
    begin: float,
    end: float | None,
    outcome: Type = "ok",
    *,
    asked: Any = None,
    answered: Any = None,
    process: str = "",
) -> list[Record]:
    """An operation of a process of its own; without an end its client died."""
    who = process or f"{kind}-{key}-{begin}"
    records = [Record(begin, who, "invoke", kind, key, asked)]
    if end is not None:
        records.append(Record(end, who, outcome, kind, key, answered))
    return records


def bought(key: str, order: str, seats: list[int], at: float = 10.0) -> list[Record]:
    return call("order", key, at, at + 0.1, answered={"order": order, "seats": seats})


def truth(table: str, rows: list[dict[str, Any]], at: float = 200.0) -> list[Record]:
    return [Record(at, "auditor", "ok", TRUTH, table, rows)]


def fault(at: float, *targets: str) -> list[Record]:
    return [Record(at, "nemesis", "info", FAULT, "kill", {"targets": list(targets)})]


def heal(at: float) -> list[Record]:
    return [Record(at, "nemesis", "info", HEAL)]


def healing(at: float) -> list[Record]:
    return [Record(at, "nemesis", "info", PHASE, HEALING)]


def seen(at: float, instance: str, state: str) -> list[Record]:
    return [Record(at, "observer", "info", SEEN, instance, state)]


def history(*parts: list[Record]) -> History:
    """All parts, with a load from START to END."""
    load = [
        Record(START, "client", "info", PHASE, LOAD_BEGINS),
        Record(END, "client", "info", PHASE, LOAD_ENDS),
    ]
    return History([*load, *(record for part in parts for record in part)])
