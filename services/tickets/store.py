"""Tickets in Postgres. Each public method is one transaction."""

from __future__ import annotations

import uuid

from chassis.bus import inbox
from chassis.bus.event import Event
from chassis.store.postgres import Connection, Database
from services.tickets.codes import Signer, Ticket
from services.tickets.decisions import ConfirmedOrder, Issue, confirmations, issues, read_orders
from services.tickets.errors import SeatHasTicket

CONSUMER = "tickets"


class Store:
    """All tickets that were issued."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self._database = database
        self._signer = signer

    async def of_order(self, order_id: uuid.UUID, account_id: uuid.UUID) -> list[Issue]:
        """The tickets of the account's order, by seat; none if it is not confirmed, or not theirs.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        rows = await self._database.fetch(
            "SELECT show_id, seat, code FROM tickets WHERE order_id = $1 AND account_id = $2"
            " ORDER BY seat",
            order_id,
            account_id,
        )
        return [
            Issue(account_id, Ticket(order_id, row["show_id"], row["seat"]), row["code"])
            for row in rows
        ]

    async def issue(self, order: ConfirmedOrder) -> list[Issue]:
        """Issues the tickets of a confirmed order, unless they are there, and returns them.

        Raises:
            SeatHasTicket: another order has a ticket for one of the seats.
            StoreUnavailable: Postgres is away.
        """
        issued = issues([order], self._signer)
        await self._database.transact(lambda c: _insert(c, issued))
        return issued

    async def apply_orders(self, events: list[Event]) -> None:
        """Issues the tickets of the orders that events say are confirmed, each once.

        Raises:
            SeatHasTicket: as above; nothing of the batch is stored.
        """
        confirmed = confirmations(events)
        if confirmed:
            await self._database.transact(lambda c: self._apply_orders(c, confirmed))

    async def forget_old_marks(self) -> None:
        """Forgets inbox marks that no redelivery can need."""
        await inbox.forget_old(self._database)

    async def _apply_orders(self, connection: Connection, events: list[Event]) -> None:
        orders = read_orders(await inbox.take_new(connection, CONSUMER, events))
        await _insert(connection, issues(orders, self._signer))


async def _insert(connection: Connection, issued: list[Issue]) -> None:
    """Stores tickets. One that is there already is the same, since a ticket has only one code."""
    if not issued:
        return
    orders, seats = [i.ticket.order_id for i in issued], [i.ticket.seat for i in issued]
    tag = await connection.execute(
        "INSERT INTO tickets (order_id, seat, show_id, account_id, code)"
        " SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::uuid[], $5::text[])"
        "   AS t(order_id, seat, show_id, account_id, code) ORDER BY order_id, seat"
        # Any conflict: naming one constraint lets the other raise when two issue at the same time.
        " ON CONFLICT DO NOTHING",
        orders,
        seats,
        [i.ticket.show_id for i in issued],
        [i.account_id for i in issued],
        [i.code for i in issued],
    )
    if tag == f"INSERT 0 {len(issued)}":
        return
    refused = await connection.fetchval(
        "SELECT count(*) FROM unnest($1::uuid[], $2::int[]) AS wanted(order_id, seat)"
        " WHERE NOT EXISTS (SELECT FROM tickets t"
        "   WHERE t.order_id = wanted.order_id AND t.seat = wanted.seat)",
        orders,
        seats,
    )
    if refused:
        raise SeatHasTicket
