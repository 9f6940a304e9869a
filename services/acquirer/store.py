"""The acquirer's ledger and knobs in Postgres. Each public method is one transaction."""

from __future__ import annotations

import uuid

import asyncpg

from chassis.problems import NotFound
from chassis.store.postgres import Connection, Database
from services.acquirer.decisions import Charge, ChargeRequest, Knobs, check_same, verdict

# Always the same columns; this constant is all that is ever put into a query.
_COLUMNS = "key, id, reference, amount, currency, card, status, created_at"


class Store:
    """The ledger, and how to behave."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def charge(self, key: str, request: ChargeRequest) -> tuple[Charge, bool]:
        """Charges once a key, whatever happens. Returns the charge, and if it is a replay.

        Raises:
            KeyReused: the key came with another charge before.
            StoreUnavailable: Postgres is away.
            StoreLocked: what became of the first charge with this key is not known yet.
        """
        own_id = str(uuid.uuid4())
        charge = await self._database.transact(lambda c: _charge_once(c, own_id, key, request))
        return charge, charge.id != own_id

    async def get(self, key: str) -> Charge:
        """The charge with this key.

        Raises:
            NotFound: there is none.
        """
        row = await self._database.fetchrow(
            f"SELECT {_COLUMNS} FROM charges WHERE key = $1",  # noqa: S608
            key,
        )
        if row is None:
            raise NotFound("No charge with this key")
        return _charge(row)

    async def page(self, after: str, limit: int) -> list[Charge]:
        """Charges in the order of their keys, from the one behind `after`."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM charges WHERE key > $1 ORDER BY key LIMIT $2",  # noqa: S608
            after,
            limit,
        )
        return [_charge(row) for row in rows]

    async def read_knobs(self) -> Knobs:
        """As last turned, or the defaults."""
        row = await self._database.fetchrow(
            "SELECT latency_ms, jitter_ms, error_rate, hang_rate FROM knobs"
        )
        return Knobs() if row is None else Knobs(**dict(row))

    async def turn_knobs(self, knobs: Knobs) -> None:
        """For all instances, for good."""
        await self._database.execute(
            "INSERT INTO knobs (latency_ms, jitter_ms, error_rate, hang_rate)"
            " VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET"
            " latency_ms = $1, jitter_ms = $2, error_rate = $3, hang_rate = $4",
            knobs.latency_ms,
            knobs.jitter_ms,
            knobs.error_rate,
            knobs.hang_rate,
        )


async def _charge_once(
    connection: Connection, own_id: str, key: str, request: ChargeRequest
) -> Charge:
    """Takes the key, or finds the charge that has it.

    While another transaction holds the key this waits for it, up to the server's lock_timeout. What
    was found is locked for sharing only because that is a write: it makes the commit of a replay
    wait for the standby, so that nobody is told of a charge that one machine has.
    """
    row = await connection.fetchrow(
        f"INSERT INTO charges ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, now())"  # noqa: S608
        f" ON CONFLICT (key) DO NOTHING RETURNING {_COLUMNS}",
        key,
        uuid.UUID(own_id),
        request.reference,
        request.amount,
        request.currency,
        request.card,
        verdict(request.card),
    )
    if row is None:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM charges WHERE key = $1 FOR SHARE",  # noqa: S608
            key,
        )
    assert row is not None  # noqa: S101 - no line of the ledger is ever taken out
    charge = _charge(row)
    check_same(charge, request)
    return charge


def _charge(row: asyncpg.Record) -> Charge:
    request = ChargeRequest(
        reference=row["reference"],
        amount=row["amount"],
        currency=row["currency"],
        card=row["card"],
    )
    return Charge(row["key"], str(row["id"]), request, row["status"], row["created_at"])
