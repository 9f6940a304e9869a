"""The ledger's servers fail under load: nothing acknowledged is lost, and never two primaries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from tests.cluster import members
from tests.cluster.buyers import Edges, PatientLoad, sign_up
from tests.cluster.conftest import containers, docker, make, settled
from tests.cluster.judging import check

ACCOUNTS = 8
BEFORE_SECONDS = 3
AFTER_SECONDS = 15

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
async def patient(edges: Edges, big_shows: list[int]) -> AsyncIterator[PatientLoad]:
    await members.whole()
    await settled()
    yield PatientLoad(edges, [await sign_up(edges) for _ in range(ACCOUNTS)], big_shows)
    make("heal")
    await members.whole()


@pytest.mark.parametrize("fault", ["kill", "pause", "cut"])
async def test_the_primary_fails_and_nothing_acknowledged_is_lost(
    edges: Edges, patient: PatientLoad, fault: str
) -> None:
    """People browse on, unharmed; who buys is told to come back, and no order comes of it twice."""
    before = await members.whole()
    async with patient.running() as tally:
        await asyncio.sleep(BEFORE_SECONDS)
        assert not tally.failures, f"failures before the fault: {tally.failures[:3]}"
        await asyncio.to_thread(make, fault, f"I={before}")
        await members.another_primary(before)
        await asyncio.sleep(AFTER_SECONDS)
    await check(edges, tally)


async def test_the_synchronous_standby_fails_and_no_request_does(
    edges: Edges, patient: PatientLoad
) -> None:
    await members.whole()
    standby = next(m for m, role in members.roles().items() if role.startswith("sync_standby"))
    async with patient.running() as tally:
        await asyncio.sleep(BEFORE_SECONDS)
        await asyncio.to_thread(make, "kill", f"I={standby}")
        await asyncio.sleep(AFTER_SECONDS)
    await check(edges, tally)


async def test_all_of_etcd_fails_and_no_request_does(edges: Edges, patient: PatientLoad) -> None:
    """A primary that its members bear out stays one; its standby confirms what is read of it.

    And a switchover soon after etcd is back waits until all have found it. It goes to a standby
    that has another address than the one at which the primary asked it while etcd was away.
    """
    async with patient.running() as tally:
        await asyncio.sleep(BEFORE_SECONDS)
        await asyncio.to_thread(make, "kill", "I=etcd-a-1 etcd-b-1 etcd-c-1")
        await asyncio.sleep(AFTER_SECONDS)
        await asyncio.to_thread(make, "heal")
        primary = await members.whole()
        for standby in sorted(set(members.MEMBERS) - {primary}):
            await members.move(standby, primary)
        await asyncio.to_thread(make, "switchover")
    await check(edges, tally)


async def test_a_switchover_fails_no_request(edges: Edges, patient: PatientLoad) -> None:
    async with patient.running() as tally:
        await asyncio.sleep(BEFORE_SECONDS)
        await asyncio.to_thread(make, "switchover")
        await asyncio.sleep(AFTER_SECONDS)
    await check(edges, tally)
    assert patient.told_to_come_back == 0


@pytest.mark.parametrize("fault", ["pause", "cut"])
async def test_two_primaries_never_acknowledge(fault: str) -> None:
    """The old one is written to from within, all the time, also when it wakes up as the primary.

    Its own clients cannot be asked to be careful: that is up to the servers. A write that was under
    way when it froze may be told of after it wakes, if the new one has it: it was committed before.
    """
    old = await members.whole()
    try:
        async with members.writers(old) as acknowledged:
            await asyncio.sleep(BEFORE_SECONDS)
            await asyncio.to_thread(make, fault, f"I={old}")
            new = await members.another_primary(old)
            await asyncio.sleep(BEFORE_SECONDS)
            await asyncio.to_thread(make, "heal", f"I={old}")
            await members.whole()
            await asyncio.sleep(BEFORE_SECONDS)
    finally:
        make("heal")
    by_new = [a for a in acknowledged if a.member == new]
    by_old = [a for a in acknowledged if a.member == old]
    assert by_old
    assert by_new
    since = min(a.ended for a in by_new)
    assert [a for a in by_old if a.began > since] == [], "two primaries acknowledged"
    rows = members.sql(new, "SELECT member || ' ' || number FROM written").splitlines()
    lost = {f"{a.member} {a.number}" for a in acknowledged} - set(rows)
    assert lost == set()


async def test_everything_is_killed_and_comes_up_in_any_order(
    edges: Edges, patient: PatientLoad
) -> None:
    async with patient.running() as tally:
        await asyncio.sleep(BEFORE_SECONDS * 2)
    names = [c["Name"].lstrip("/") for c in containers() if c["State"]["Running"]]
    docker("kill", *names)
    random.shuffle(names)
    for name in names:
        docker("start", name)
    make("heal")
    await members.whole()
    await settled()
    await check(edges, tally)
