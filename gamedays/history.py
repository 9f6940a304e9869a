"""The history of a run: one JSON object a line, for every operation, every fault, every look.

A client's operation is two records of its process: `invoke`, then `ok` (it happened), `fail` (it
did not) or `info` (nobody knows). Everything else is one record: what the nemesis did, what the
observer saw change, what an auditor read in the stores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, get_args

import orjson

Type = Literal["invoke", "ok", "fail", "info"]
Outcome = Literal["ok", "fail", "info"]

FILE = "history.jsonl"

FAULT, HEAL, PHASE, SEEN, TRUTH = "fault", "heal", "phase", "seen", "truth"
"""Kinds that are no client's operation."""

LOAD_BEGINS, LOAD_ENDS, HEALING, MACHINE = "load begins", "load ends", "healing", "machine"
TRIED = "tried"
"""Keys of phases. Operations outside of the first two prepare or ask again, and are not load. The
third is when healing begins (`heal` is when it has ended); the fourth tells, at the load's end, how
`busy` the machine was since the first fault, from 0 to 1; the last tells, by pool, how many
`requests` and `retries` the balancers count, before the load and after it.
"""


class HistoryBroken(ValueError):
    """The records cannot be a history; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line. `time` is in seconds since the epoch; what `value` holds depends on the kind."""

    time: float
    process: str
    type: Type
    kind: str
    key: str = ""
    value: Any = None

    def encode(self) -> bytes:
        """Its line."""
        return orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE)

    @staticmethod
    def decode(line: bytes) -> Record:
        """Reads a line.

        Raises:
            HistoryBroken: it is not a record.
        """
        try:
            record = Record(**orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise HistoryBroken(f"not a record: {line[:120]!r}") from error
        if record.type not in get_args(Type):
            raise HistoryBroken(f"type {record.type!r}: one of {', '.join(get_args(Type))}")
        return record


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client did, from its call to its answer. An `info` never ends: `end` is infinite.

    `asked` and `answered` are the values of its two records; `known_at` is when its client went
    on, which for an `info` is the moment it gave up.
    """

    process: str
    kind: str
    key: str
    begin: float
    end: float
    known_at: float
    outcome: Outcome
    asked: Any = None
    answered: Any = None

    @property
    def ok(self) -> bool:
        """It happened, and its client knows."""
        return self.outcome == "ok"

    @property
    def seconds(self) -> float:
        """How long its client waited."""
        return self.known_at - self.begin

    @property
    def status(self) -> int:
        """HTTP's, of an answer that was written down; 0 if there was none."""
        return int((self.answered or {}).get("status", 0))


class History:
    """All records of a run in the order of time, and what they say."""

    def __init__(self, records: Iterable[Record]) -> None:
        """Sorts them: several writers add to one file, and lines of one moment may stand apart."""
        self.records = sorted(records, key=lambda r: r.time)

    @cached_property
    def operations(self) -> list[Operation]:
        """Every client's operation, by its beginning.

        Raises:
            HistoryBroken: an answer that nobody asked for.
        """
        return sorted(_pair(self.records), key=lambda o: o.begin)

    def of(self, *kinds: str) -> list[Operation]:
        """Operations of these kinds."""
        return [o for o in self.operations if o.kind in kinds]

    def marks(self, kind: str) -> list[Record]:
        """Records of a kind that is no operation."""
        return [r for r in self.records if r.kind == kind]

    @cached_property
    def load(self) -> tuple[float, float]:
        """When the load began and ended, in seconds since the epoch.

        Raises:
            HistoryBroken: it did not.
        """
        phases = {r.key: r.time for r in self.marks(PHASE)}
        try:
            return phases[LOAD_BEGINS], phases[LOAD_ENDS]
        except KeyError as error:
            raise HistoryBroken(f"the history has no phase {error}") from error

    @cached_property
    def under_load(self) -> list[Operation]:
        """Operations that began while the load was on."""
        begin, end = self.load
        return [o for o in self.operations if begin <= o.begin <= end]

    def truth(self, table: str, *, first: bool = False) -> list[dict[str, Any]]:
        """What an auditor read in a store, the last time (or the first, of several).

        Raises:
            HistoryBroken: it was never read; a check without it would say nothing. Nor would one
                that compares the first reading with the last, where there is one only.
        """
        reads = [r for r in self.marks(TRUTH) if r.key == table]
        if not reads:
            raise HistoryBroken(f"nobody read the truth about {table}")
        if first and len(reads) == 1:
            raise HistoryBroken(f"the truth about {table} was read once, and not before the load")
        return cast("list[dict[str, Any]]", reads[0 if first else -1].value)


def _pair(records: Sequence[Record]) -> Iterator[Operation]:
    waiting: dict[str, Record] = {}
    for record in records:
        if record.kind in (FAULT, HEAL, PHASE, SEEN, TRUTH):
            continue
        if record.type == "invoke":
            if record.process in waiting:  # it died with its call under way
                yield _operation(waiting[record.process], None)
            waiting[record.process] = record
            continue
        invoked = waiting.pop(record.process, None)
        if invoked is None or (invoked.kind, invoked.key) != (record.kind, record.key):
            raise HistoryBroken(
                f"{record.process} ended {record.kind} {record.key} at {record.time:.3f},"
                " which it had not begun"
            )
        yield _operation(invoked, record)
    for invoked in waiting.values():
        yield _operation(invoked, None)


def _operation(invoked: Record, ended: Record | None) -> Operation:
    outcome: Outcome = "info"
    if ended is not None and ended.type != "invoke":
        outcome = ended.type
    return Operation(
        process=invoked.process,
        kind=invoked.kind,
        key=invoked.key,
        begin=invoked.time,
        end=math.inf if ended is None or outcome == "info" else ended.time,
        known_at=math.inf if ended is None else ended.time,
        outcome=outcome,
        asked=invoked.value,
        answered=ended.value if ended else None,
    )


class Writer:
    """Appends to a run's history. A line is handed to the system whole, in one write.

    So several processes may add to one file; each line is there before its writer goes on.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / FILE).open("ab", buffering=0)

    def write(self, record: Record) -> None:
        """Adds one record."""
        self._file.write(record.encode())

    def close(self) -> None:
        """No more records."""
        self._file.close()


def read(folder: Path) -> History:
    """The history of a run. A last line that was cut off by a kill is left out.

    Raises:
        HistoryBroken: a line is not a record.
        FileNotFoundError: there is none.
    """
    lines = (folder / FILE).read_bytes().splitlines(keepends=True)
    return History(Record.decode(line) for line in lines if line.endswith(b"\n"))
