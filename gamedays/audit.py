"""What to ask the stores at the end, and what they said: SQL and records, no I/O.

Read-only, of each database in one snapshot. Rows have the shapes that the checkers' docstrings ask
for. Only what belongs to the run is read: what came after its start, whatever that is about, and
all of the shows that it sold.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gamedays.checkers.acknowledged import NEWEST, ORDER
from gamedays.history import TRUTH, History, Record

_QUERY_SECONDS = 20

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
        " + (SELECT count(*) FROM outbox WHERE told_at IS NULL) AS waiting"
    },
)
"""How many orders are undecided, and events untold: nothing may be under way when a run begins."""

PRIMARY_ONLY = """\\connect postgres
DO $$ BEGIN IF pg_is_in_recovery() THEN RAISE 'a standby'; END IF; END $$;
"""
"""What psql is to read first: another server than the primary answers nothing."""

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
            "email": "SELECT order_id, kind, extract(epoch FROM created_at) AS told_at"
            " FROM email_outbox WHERE created_at >= :start",
            "text": "SELECT order_id, kind FROM text_outbox WHERE created_at >= :start",
        },
    ),
    Question(
        "tickets",
        {
            "tickets": "SELECT order_id, seat, show_id, extract(epoch FROM issued_at) AS issued_at"
            " FROM tickets WHERE issued_at >= :start"
        },
    ),
    Question("orders", {"sold": "SELECT DISTINCT show_id FROM orders WHERE created_at >= :start"}),
    Question("acquirer", {"charged": "SELECT reference FROM charges WHERE created_at >= :start"}),
)
"""What happened since the start, to whichever order, and what was sold."""

LEDGER = Question(
    "orders",
    {
        "orders": "SELECT o.id, k.key, o.account_id, o.show_id, o.status, o.seats,"
        " o.amount, o.currency,"
        " extract(epoch FROM o.created_at) AS placed_at,"
        " o.created_at < :start AS earlier, o.account_id = ANY(:accounts) AS ours"
        " FROM orders o LEFT JOIN idempotency_keys k ON k.order_id = o.id"
        " WHERE o.created_at >= :start OR o.id = ANY(:ids)",
        "shows": "SELECT id, seats_total FROM shows WHERE id = ANY(:sold)",
        "sales": "SELECT id, show_id, seats FROM orders"
        " WHERE status <> 'declined' AND show_id = ANY(:sold)",
        "seats": "SELECT show_id, number, order_id FROM seats"
        " WHERE order_id IS NOT NULL AND show_id = ANY(:sold)",
    },
)
"""The orders of the run, and those that anything happened to; the seats of the shows they sold."""

# Every order of the run was charged after the run began, so its charge is found by its time.
CHARGES = Question(
    "acquirer",
    {
        "charges": "SELECT key, reference, status, amount, currency FROM charges"
        " WHERE created_at >= :start OR reference = ANY(:names)"
    },
)
"""The acquirer's own ledger, about all of these."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is about, as far as it is known.

    Attributes:
        start: when it began, in seconds since the epoch.
        orders: that anything happened to since.
        accounts: of its buyers.
        shows: that were sold since.
    """

    start: float
    orders: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    shows: frozenset[int] = frozenset()


def script(questions: Iterable[Question], scope: Scope) -> str:
    """What psql is to read: one line of JSON out for each table, all of a database at one moment.

    Args:
        questions: what to ask; one connection asks all of them, since coming in takes longest.
        scope: what of it.

    Raises:
        ValueError: an order or account is no UUID.
    """
    names = "{" + ",".join(sorted(str(uuid.UUID(order)) for order in scope.orders)) + "}"
    owners = "{" + ",".join(sorted(str(uuid.UUID(who)) for who in scope.accounts)) + "}"
    shows = "{" + ",".join(str(show) for show in sorted(scope.shows)) + "}"
    words = {
        ":start": f"to_timestamp({scope.start:.6f})",
        ":accounts": f"'{owners}'::uuid[]",
        ":ids": f"'{names}'::uuid[]",
        ":names": f"'{names}'::text[]",
        ":sold": f"'{shows}'::int[]",
    }
    lines: list[str] = []
    for question in questions:
        lines.append(f"\\connect {question.database}")
        lines.append(f"SET statement_timeout = '{_QUERY_SECONDS}s';")
        lines.append("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;")
        lines += [_select(query, words) for query in question.queries.values()]
        lines.append("COMMIT;")
    return "\n".join([*lines, ""])


def _select(query: str, words: Mapping[str, str]) -> str:
    for word, text in words.items():
        query = query.replace(word, text)
    return f"SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM ({query}) AS t;"  # noqa: S608 - ours, and UUIDs


def read(questions: Iterable[Question], output: str) -> Tables:
    """The tables in psql's output.

    Raises:
        ValueError: it is not one line of JSON for each.
    """
    tables = [table for question in questions for table in question.queries]
    lines = [line for line in output.splitlines() if line]
    if len(lines) != len(tables):
        raise ValueError(f"{len(lines)} tables of {len(tables)}: {output[:200]!r}")
    return dict(zip(tables, map(orjson.loads, lines), strict=True))


def widened(scope: Scope, effects: Tables) -> Scope:
    """The scope, with what the effects tell."""
    orders = {row["order_id"] for table in ("email", "text", "tickets") for row in effects[table]}
    orders |= {row["reference"] for row in effects["charged"] if _is_uuid(row["reference"])}
    shows = frozenset(row["show_id"] for row in effects["sold"])
    return replace(scope, orders=frozenset(orders), shows=shows)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def accounts(history: History) -> frozenset[str]:
    """The buyers of a run: their orders are those that it acknowledges."""
    asked = [operation.asked for operation in history.of(ORDER, NEWEST)]
    return frozenset(one["account"] for one in asked if "account" in one)


def records(tables: Tables, now: float) -> list[Record]:
    """The truth, as the history keeps it."""
    return [Record(now, "auditor", "ok", TRUTH, table, rows) for table, rows in tables.items()]
