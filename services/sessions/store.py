"""Accounts in Postgres."""

from __future__ import annotations

import asyncpg

from chassis.store.postgres import Connection, Database
from services.sessions.decisions import Account

# Always the same columns; this constant is all that is ever put into a query.
_COLUMNS = "id, email, password_hash, idempotency_key"


class Store:
    """The accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, wanted: Account) -> Account:
        """Adds an account unless its email is taken; returns who has the email now.

        Who has it is locked for sharing only because that is a write: a replay's commit, too, waits
        for the standby, so that what is acknowledged again is on two machines again.

        Raises:
            StoreUnavailable: Postgres is away.
            StoreLocked: somebody is just taking this email.
        """

        async def work(connection: Connection) -> Account:
            await connection.execute(
                f"INSERT INTO accounts ({_COLUMNS}) VALUES ($1, $2, $3, $4)"  # noqa: S608
                " ON CONFLICT (email) DO NOTHING",
                wanted.id,
                wanted.email,
                wanted.password_hash,
                wanted.idempotency_key,
            )
            row = await connection.fetchrow(f"{_BY_EMAIL} FOR SHARE", wanted.email)
            return _account(row) if row else wanted

        return await self._database.transact(work)

    async def by_email(self, email: str) -> Account | None:
        """The account of this (normalised) email.

        Raises:
            StoreUnavailable: Postgres is away.
        """
        row = await self._database.fetchrow(_BY_EMAIL, email)
        return _account(row) if row else None


_BY_EMAIL = f"SELECT {_COLUMNS} FROM accounts WHERE email = $1"  # noqa: S608


def _account(row: asyncpg.Record) -> Account:
    return Account(row["id"], row["email"], row["password_hash"], row["idempotency_key"])
