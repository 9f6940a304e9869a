"""What to ask the stores at the end, and what they said: SQL and records, no I/O.

Read-only, of each database in one snapshot. Rows have the shapes that the checkers' docstrings ask
for. Only what belongs to the run is read: what came after its start, whatever that is about, and
all of the shows that it sold.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gamedays.checkers.acknowledged import ORDER
from gamedays.history import TRUTH, History, Record

Rows = list[dict[str, Any]]
Tables = dict[str, Rows]


@dataclass(frozen=True, slots=True)
class Question:
    """What to read in one database: tables and their queries, which may use the variables."""

    database: str
    queries: Mapping[str, str]


QUIET = Question(
    "orders",
    {
        "quiet": "SELECT (SELECT count(*) FROM orders WHERE status = 'pending')"
        " + (SELECT count(*) FROM outbox) AS waiting"
    },
)
"""How many orders are undecided, and events untold: nothing may be under way when a run begins."""

COUNTS = (
    Question(
        "orders",
        {
            "tally": "SELECT show_id, count(*) AS placed,"
            " count(*) FILTER (WHERE status = 'confirmed') AS confirmed,"
            " count(*) FILTER (WHERE status = 'declined') AS declined"
            " FROM orders GROUP BY show_id"
        },
    ),
    Question(
        "notifications",
        {"statistics": "SELECT show_id, placed, confirmed, declined FROM statistics"},
    ),
)
"""Totals: read before the load and after it."""

EFFECTS = (
    Question(
        "notifications",
        {
            "email": "SELECT order_id, kind FROM email_outbox WHERE created_at >= :start",
            "text": "SELECT order_id, kind FROM text_outbox WHERE created_at >= :start",
        },
    ),
    Question(
        "tickets",
        {"tickets": "SELECT order_id, seat, show_id FROM tickets WHERE issued_at >= :start"},
    ),
    Question("acquirer", {"charged": "SELECT reference FROM charges WHERE created_at >= :start"}),
)
"""What happened since the start, to whichever order."""

LEDGER = Question(
    "orders",
    {
        "orders": "SELECT o.id, k.key, o.show_id, o.status, o.seats, o.amount, o.currency,"
        " o.created_at < :start AS earlier, o.account_id = ANY(:accounts) AS ours"
        " FROM orders o LEFT JOIN idempotency_keys k ON k.order_id = o.id"
        " WHERE o.created_at >= :start OR o.id = ANY(:ids)",
        "shows": "SELECT id, seats_total FROM shows WHERE id IN (:sold)",
        "sales": "SELECT id, show_id, seats FROM orders"
        " WHERE status <> 'declined' AND show_id IN (:sold)",
        "seats": "SELECT show_id, number, order_id FROM seats"
        " WHERE order_id IS NOT NULL AND show_id IN (:sold)",
    },
)
"""The orders of the run, and those that anything happened to; the seats of the shows they sold."""

CHARGES = Question(
    "acquirer",
    {
        "charges": "SELECT key, reference, status, amount, currency FROM charges"
        " WHERE created_at >= :start OR reference = ANY(:names)"
    },
)
"""The acquirer's own ledger, about all of these."""


def script(question: Question, start: float, ids: Iterable[str], accounts: Iterable[str]) -> str:
    """What psql is to read: one line of JSON out for each table, all of one moment.

    Args:
        question: what to ask.
        start: seconds since the epoch.
        ids: of orders.
        accounts: of the run.

    Raises:
        ValueError: one of these is no UUID.
    """
    orders = sorted({str(uuid.UUID(i)) for i in ids})
    owners = sorted({str(uuid.UUID(a)) for a in accounts})
    names = "{" + ",".join(orders) + "}"
    moment = f"to_timestamp({start:.6f})"
    words = {
        ":start": moment,
        ":accounts": f"'{{{','.join(owners)}}}'::uuid[]",
        ":ids": f"'{names}'::uuid[]",
        ":names": f"'{names}'::text[]",
        ":sold": f"SELECT show_id FROM orders WHERE created_at >= {moment}",  # noqa: S608 - a number
    }
    lines = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"]
    for query in question.queries.values():
        for word, text in words.items():
            query = query.replace(word, text)  # noqa: PLW2901
        lines.append(f"SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM ({query}) AS t;")  # noqa: S608 - ours, and UUIDs
    return "\n".join([*lines, "COMMIT;", ""])


def read(question: Question, output: str) -> Tables:
    """The tables in psql's output.

    Raises:
        ValueError: it is not one line of JSON for each.
    """
    lines = [line for line in output.splitlines() if line]
    if len(lines) != len(question.queries):
        raise ValueError(f"{question.database} answered {len(lines)} tables: {output[:200]!r}")
    return dict(zip(question.queries, map(orjson.loads, lines), strict=True))


def touched(effects: Tables) -> set[str]:
    """The orders that anything happened to."""
    found = {row["order_id"] for table in ("email", "text", "tickets") for row in effects[table]}
    return found | {row["reference"] for row in effects["charged"] if _is_uuid(row["reference"])}


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def accounts(history: History) -> set[str]:
    """The buyers of a run: their orders are those that it acknowledges."""
    return {operation.asked["account"] for operation in history.of(ORDER)}


def records(tables: Tables, now: float) -> list[Record]:
    """The truth, as the history keeps it."""
    return [Record(now, "auditor", "ok", TRUTH, table, rows) for table, rows in tables.items()]
