"""The history of a run, one JSON object a line: every order's outcome as its buyer saw it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

Outcome = Literal["acknowledged", "refused", "unknown"]

_ACKNOWLEDGED, _SERVER_ERROR = (200, 201), 500
LEDGER, ACCOUNTS = "ledger.jsonl", "accounts.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One purchase. `unknown`: sent, and no answer came (yet); it may have happened.

    Each is written as unknown before it is sent, and again when more is known: so a load that is
    itself killed leaves no order that it does not own up to. `sent` and `time` are seconds since
    the epoch, when it was begun and when this was known.
    """

    outcome: Outcome
    key: str
    account: str
    show_id: int
    wanted: int
    card: str
    sent: float
    time: float
    status: int
    order_id: str | None = None
    seats: tuple[int, ...] = ()

    @staticmethod
    def begun(key: str, account: str, *, show_id: int, wanted: int, card: str, now: float) -> Entry:
        """About to be sent."""
        return Entry("unknown", key, account, show_id, wanted, card, sent=now, time=now, status=0)

    @property
    def body(self) -> dict[str, object]:
        """What is sent; the same again whenever it is asked again by its key."""
        return {"show_id": self.show_id, "seats": self.wanted, "card": self.card}

    def answered(self, status: int, body: bytes, now: float) -> Entry:
        """What the last answer, or none (status 0), tells of it."""
        if status in _ACKNOWLEDGED:
            order = orjson.loads(body)
            return replace(
                self,
                outcome="acknowledged",
                status=status,
                time=now,
                order_id=order["id"],
                seats=tuple(order["seats"]),
            )
        # A server's error or silence says nothing about what happened before it.
        known = 0 < status < _SERVER_ERROR
        return replace(self, outcome="refused" if known else "unknown", status=status, time=now)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that the run made for itself, so that the verdict can sign in as its owner."""

    email: str
    password: str


class Ledger:
    """Appends to a run's files. A line is on disk before its buyer goes on."""

    def __init__(self, run_dir: Path) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self._entries = (run_dir / LEDGER).open("a", encoding="utf-8")
        self._accounts = (run_dir / ACCOUNTS).open("a", encoding="utf-8")
        self.counts: dict[str, int] = {"acknowledged": 0, "refused": 0, "unknown": 0}

    def write(self, entry: Entry) -> None:
        """Adds what is known of a purchase now."""
        if entry.outcome != "unknown":
            self.counts["unknown"] -= 1
        self.counts[entry.outcome] += 1
        _append(self._entries, entry)

    def account(self, account: Account) -> None:
        """Adds an account."""
        _append(self._accounts, account)

    def close(self) -> None:
        """No more entries."""
        self._entries.close()
        self._accounts.close()


def read_entries(run_dir: Path) -> list[Entry]:
    """The purchases of a run."""
    return [Entry(**{**line, "seats": tuple(line["seats"])}) for line in _lines(run_dir / LEDGER)]


def read_accounts(run_dir: Path) -> list[Account]:
    """The accounts of a run."""
    return [Account(**line) for line in _lines(run_dir / ACCOUNTS)]


def _append(file: TextIO, record: Entry | Account) -> None:
    file.write(orjson.dumps(asdict(record)).decode() + "\n")
    file.flush()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines only: a run that was killed may have left half of one."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield orjson.loads(line)
