"""A backup outlives everything: all volumes are destroyed, and the ledger is whole again.

It is taken under load, while no charge is answered rightly: of the orders that are undecided then,
some are paid for. What Kafka knew about them is gone, and all of them are decided all the same.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from tests.cluster import members
from tests.cluster.buyers import Account, Edges, PatientLoad, sign_up
from tests.cluster.conftest import ROOT, docker, make, settled

ORDERS = 20
DECIDED = {"confirmed", "declined"}
DECIDED_SECONDS = 60
AFTER_SECONDS = 180  # instances have just started, and the breaker before the acquirer may be open

pytestmark = pytest.mark.timeout(1200)


def backups() -> set[Path]:
    return set((ROOT / "backups").glob("*/base.tar.gz"))


async def sign_in(edges: Edges, credentials: dict[str, str]) -> Account:
    answer = await edges.send("POST", "/sessions", json=credentials)
    assert answer.status_code == 201, answer.text
    return Account(answer.json()["token"])


async def orders_of(edges: Edges, account: Account) -> dict[str, str]:
    """All orders with what became of them, as JSON without the account's session."""
    answer = await edges.send("GET", "/orders?limit=100", headers=account.headers)
    assert answer.status_code == 200, answer.text
    return {o["id"]: f"{o['status']} {o['show_id']} {o['seats']}" for o in answer.json()["items"]}


def ask(member: str, database: str, query: str) -> list[str]:
    """Lines that a database answers."""
    psql = ["psql", "-XqAt", "-h", "/tmp", "-U", "postgres", "-d", database, "-c", query]  # noqa: S108
    return docker("exec", members.container(member), *psql).splitlines()


async def buy(edges: Edges, account: Account, shows: list[int]) -> None:
    for n in range(ORDERS):
        placed = await edges.send(
            "POST",
            "/orders",
            json={"show_id": shows[n % len(shows)], "seats": 1 + n % 3},
            headers={**account.headers, "Idempotency-Key": uuid.uuid4().hex},
        )
        assert placed.status_code == 201, placed.text


async def until_decided(edges: Edges, account: Account, seconds: float) -> dict[str, str]:
    async with asyncio.timeout(seconds):
        while True:
            orders = await orders_of(edges, account)
            if all(told.split()[0] in DECIDED for told in orders.values()):
                return orders
            await asyncio.sleep(0.5)


async def until_nothing_waits(member: str, what: str, seconds: float) -> None:
    """Until the ledger has no such row."""
    async with asyncio.timeout(seconds):
        while await asyncio.to_thread(ask, member, "orders", f"SELECT 1 FROM {what} LIMIT 1"):  # noqa: S608
            await asyncio.sleep(0.5)


async def test_all_volumes_are_destroyed_and_a_backup_brings_the_ledger_back(
    edges: Edges, big_shows: list[int]
) -> None:
    primary = await members.whole()
    await settled()
    await until_nothing_waits(primary, "orders WHERE status = 'pending'", DECIDED_SECONDS)
    (began,) = ask(primary, "orders", "SELECT now()")
    credentials = {"email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse battery"}
    assert (await edges.send("POST", "/accounts", json=credentials)).status_code == 201
    account = await sign_in(edges, credentials)
    await buy(edges, account, big_shows)
    decided = await until_decided(edges, account, DECIDED_SECONDS)

    try:
        await asyncio.to_thread(make, "acquirer", "KNOBS=error_rate=1")
        await buy(edges, account, big_shows)
        await until_nothing_waits(primary, "outbox WHERE told_at IS NULL", DECIDED_SECONDS)
        known = backups()
        load = PatientLoad(edges, [await sign_up(edges)], big_shows)
        async with load.running(browsing=5, buying=4) as tally:
            while len(tally.acknowledged) < ORDERS:
                await asyncio.sleep(0.1)
            before = await orders_of(edges, account)
            acknowledged = set(tally.acknowledged)
            undecided = ask(primary, "orders", "SELECT id FROM orders WHERE status = 'pending'")
            await asyncio.to_thread(make, "backup")
        assert tally.failures == []
        (made,) = backups() - known
        assert len(undecided) >= ORDERS // 2
        await asyncio.to_thread(
            make, "restore", f"FROM={made.parent.relative_to(ROOT)}", "REPLACE=yes", seconds=800
        )
        await settled()
    finally:  # the knobs are in the backup, too, and the next test wants a cluster in any case
        await asyncio.to_thread(make, "up")
        await asyncio.to_thread(make, "acquirer", "KNOBS=default")

    primary = await members.whole()
    await until_nothing_waits(primary, "orders WHERE status = 'pending'", AFTER_SECONDS)
    after = await until_decided(edges, await sign_in(edges, credentials), DECIDED_SECONDS)
    assert after.keys() == before.keys()
    assert {order: after[order] for order in decided} == decided

    placed = set(ask(primary, "orders", f"SELECT id FROM orders WHERE created_at >= '{began}'"))  # noqa: S608
    assert acknowledged | before.keys() <= placed
    confirmed = f"SELECT id FROM orders WHERE status = 'confirmed' AND created_at >= '{began}'"  # noqa: S608
    captured = (
        f"SELECT reference FROM charges WHERE status = 'captured' AND created_at >= '{began}'"  # noqa: S608
    )
    assert sorted(ask(primary, "orders", confirmed)) == sorted(ask(primary, "acquirer", captured))
    taken = "SELECT count(*) FROM seats WHERE order_id IS NOT NULL"
    claimed = "SELECT sum(cardinality(seats)) FROM orders WHERE status = 'confirmed'"
    assert ask(primary, "orders", taken) == ask(primary, "orders", claimed)
    made.unlink()
    made.parent.rmdir()
