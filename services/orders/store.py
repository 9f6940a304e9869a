"""Orders and seats in Postgres. Each public method is one transaction."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import asyncpg

from chassis.bus import inbox, outbox
from chassis.bus.event import Event
from chassis.problems import NotFound
from chassis.store.errors import StoreLocked, StoreUnavailable
from chassis.store.postgres import Connection, Database
from services.orders.decisions import (
    Order,
    Place,
    PlaceOrder,
    check_same_request,
    order_decided,
    order_placed,
    read_payments,
)
from services.orders.errors import KeyInProgress, SeatsContended, SoldOut

TOPIC = "orders"
CONSUMER = "orders"

_CONTENDED_TRIES = 12
_CONTENDED_PAUSE_SECONDS = 0.04

# Always the same columns; this constant is all that is ever put into a query.
_COLUMNS = "id, account_id, show_id, status, seats, amount, currency, created_at"


class Store:
    """The ledger."""

    def __init__(self, database: Database, replica: Database | None = None) -> None:
        """`replica` is for reading what may be a moment old."""
        self._database = database
        self._replica = replica

    async def place(self, command: PlaceOrder) -> tuple[Order, bool]:
        """Key, seats, order and event in one transaction. Returns the order, and if it is a replay.

        A replay is answered as the first time: pending, whatever has become of it since.

        Raises:
            KeyInProgress: another instance is at it with this key just now.
            KeyReused: the key came with another request before.
            SoldOut: fewer seats are left.
            SeatsContended: the last seats are locked by orders under way, for half a second.
            StoreUnavailable: Postgres is away.
        """
        for _ in range(_CONTENDED_TRIES):
            try:
                return await self._database.transact(lambda c: _place(c, command))
            except SeatsContended:
                await asyncio.sleep(_CONTENDED_PAUSE_SECONDS)
            except StoreLocked as error:  # only the key can be waited for
                raise KeyInProgress(retry_after=1) from error
        raise SeatsContended

    async def get(
        self, order_id: uuid.UUID, account_id: str, *, eventual: bool = False
    ) -> tuple[Order, float]:
        """The account's order, and how many seconds old that may be: 0 unless `eventual`.

        Raises:
            NotFound: there is none, or it is somebody else's; or, `eventual`, it is too new.
        """
        rows, age = await self._read(
            eventual,
            f"SELECT {_COLUMNS} FROM orders WHERE id = $1 AND account_id = $2",  # noqa: S608
            order_id,
            uuid.UUID(account_id),
        )
        if not rows:
            raise NotFound("No such order")
        return _order(rows[0]), age

    async def of_account(
        self,
        account_id: str,
        limit: int,
        after: Place | None,
        *,
        eventual: bool = False,
    ) -> tuple[list[Order], float]:
        """The account's orders, newest first; those that come `after` a place in that order.

        And how many seconds old that may be: 0 unless `eventual`.
        """
        rows, age = await self._read(
            eventual,
            f"SELECT {_COLUMNS} FROM orders WHERE account_id = $1"  # noqa: S608
            " AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))"
            " ORDER BY created_at DESC, id DESC LIMIT $2",
            uuid.UUID(account_id),
            limit,
            after and after.created_at,
            after and after.order_id,
        )
        return [_order(row) for row in rows], age

    async def _read(
        self, eventual: bool, query: str, *args: Any
    ) -> tuple[list[asyncpg.Record], float]:
        """From the replica if that will do and it answers, else from the primary."""
        if eventual and self._replica is not None:
            with suppress(StoreUnavailable):
                return await self._replica.fetch_aged(query, *args)
        return await self._database.fetch(query, *args), 0.0

    async def apply_payments(self, events: list[Event]) -> None:
        """Confirms and declines orders; a declined order's seats are free again."""
        await self._database.transact(lambda c: _apply_payments(c, events))

    async def forget_old_keys(self, hours: int) -> None:
        """Forgets Idempotency-Keys that nobody will send again, and old inbox marks."""
        await self._database.remove(
            "idempotency_keys", "created_at < now() - make_interval(hours => $1)", hours
        )
        await inbox.forget_old(self._database)


async def put_on_sale(connection: Connection, seats_by_show: Mapping[int, int]) -> None:
    """Makes the seats of shows that have none yet."""
    rows = await connection.fetch(
        "INSERT INTO shows (id, seats_total) SELECT * FROM unnest($1::int[], $2::int[])"
        " ON CONFLICT DO NOTHING RETURNING id",
        list(seats_by_show),
        list(seats_by_show.values()),
    )
    await connection.execute(
        "INSERT INTO seats (show_id, number)"
        " SELECT id, generate_series(1, seats_total) FROM shows WHERE id = ANY($1::int[])",
        [row["id"] for row in rows],
        timeout=300,
    )


async def _place(connection: Connection, command: PlaceOrder) -> tuple[Order, bool]:
    first = await _first_with_key(connection, command)
    if first is not None:  # perhaps by this very command, whose commit's answer was lost
        return first, first.id != command.order_id
    seats = await _take_seats(connection, command)
    row = await connection.fetchrow(
        "INSERT INTO orders (id, account_id, show_id, seats, amount, currency)"  # noqa: S608
        f" VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
        uuid.UUID(command.order_id),
        uuid.UUID(command.account_id),
        command.show_id,
        seats,
        command.amount,
        command.currency,
    )
    assert row is not None  # noqa: S101 - an INSERT returns its row or raises
    await outbox.append(connection, TOPIC, [order_placed(command, seats)])
    return _order(row), False


async def _first_with_key(connection: Connection, command: PlaceOrder) -> Order | None:
    """Claims the key, or finds the order that has it.

    While another transaction holds the key this waits for it, up to the server's lock_timeout:
    long enough for the server to cut off one that stands still.

    What was found is locked for sharing only because that is a write: it makes the commit of a
    replay wait for the standby, so that what is acknowledged again is on two machines again.
    """
    account_id = uuid.UUID(command.account_id)
    claimed = await connection.fetchval(
        "INSERT INTO idempotency_keys (account_id, key, fingerprint, order_id)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true",
        account_id,
        command.key,
        command.fingerprint,
        uuid.UUID(command.order_id),
    )
    if claimed:
        return None
    row = await connection.fetchrow(
        "SELECT k.fingerprint, o.id, o.account_id, o.show_id, 'pending' AS status, o.seats,"
        " o.amount, o.currency, o.created_at"
        " FROM idempotency_keys k JOIN orders o ON o.id = k.order_id"
        " WHERE k.account_id = $1 AND k.key = $2 FOR SHARE OF k",
        account_id,
        command.key,
    )
    if row is None:  # forgotten between the two statements, a day old
        raise KeyInProgress(retry_after=1)
    check_same_request(command, row["fingerprint"])
    return _order(row)


async def _take_seats(connection: Connection, command: PlaceOrder) -> list[int]:
    """Takes the lowest free seats that nobody else is just taking."""
    rows = await connection.fetch(
        "WITH free AS (SELECT number FROM seats WHERE show_id = $1 AND order_id IS NULL"
        "   ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED)"
        " UPDATE seats SET order_id = $3 FROM free"
        " WHERE seats.show_id = $1 AND seats.number = free.number RETURNING seats.number",
        command.show_id,
        command.seats,
        uuid.UUID(command.order_id),
    )
    missing = command.seats - len(rows)
    if missing:
        # Those that others hold just now still read as free; they may be given back yet.
        undecided = await connection.fetchval(
            "SELECT count(*) FROM (SELECT FROM seats WHERE show_id = $1 AND order_id IS NULL"
            " LIMIT $2) AS free",
            command.show_id,
            missing,
        )
        raise SoldOut if undecided < missing else SeatsContended
    return sorted(row["number"] for row in rows)


async def _apply_payments(connection: Connection, events: list[Event]) -> None:
    payments = read_payments(await inbox.take_new(connection, CONSUMER, events))
    confirmed = await _decide(connection, "confirmed", payments.captured)
    declined = await _decide(connection, "declined", payments.declined, payments.declined)
    if declined:
        await connection.execute(
            "UPDATE seats SET order_id = NULL WHERE order_id = ANY($1::uuid[])",
            [uuid.UUID(order.id) for order in declined],
        )
    decided = [order_decided(o, None) for o in confirmed]
    decided += [order_decided(o, payments.declined[uuid.UUID(o.id)]) for o in declined]
    if decided:
        await outbox.append(connection, TOPIC, decided)


async def _decide(
    connection: Connection,
    status: str,
    order_ids: Iterable[uuid.UUID],
    reasons: Mapping[uuid.UUID, str] | None = None,
) -> list[Order]:
    """Only a pending order can be decided; what was decided stays."""
    ids = list(order_ids)
    if not ids:
        return []
    rows = await connection.fetch(
        "UPDATE orders SET status = $1, decided_at = now(), reason = d.reason"  # noqa: S608
        " FROM unnest($2::uuid[], $3::text[]) AS d(order_id, reason)"
        f" WHERE id = d.order_id AND status = 'pending' RETURNING {_COLUMNS}",
        status,
        ids,
        [(reasons or {}).get(i) for i in ids],
    )
    return [_order(row) for row in rows]


def _order(row: asyncpg.Record) -> Order:
    return Order(
        id=str(row["id"]),
        account_id=str(row["account_id"]),
        show_id=row["show_id"],
        status=row["status"],
        seats=list(row["seats"]),
        amount=row["amount"],
        currency=row["currency"],
        created_at=row["created_at"],
    )
