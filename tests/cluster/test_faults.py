"""Parts die under load, and nobody notices: no failed request, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.cluster.buyers import Edges, Load, PatientLoad, Tally, sign_up
from tests.cluster.conftest import docker, make, settled
from tests.cluster.judging import check

ACCOUNTS = 8
BEFORE_SECONDS = 3  # steady state first
AFTER_SECONDS = 10  # long enough for every check, ejection and election to have happened
AFTER_A_ZONE_SECONDS = 20  # and for Postgres to have another primary

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def load(edges: Edges, big_shows: list[int]) -> AsyncIterator[Load]:
    await settled()
    accounts = [await sign_up(edges) for _ in range(ACCOUNTS)]
    yield Load(edges, accounts, big_shows)
    make("heal")


@pytest.fixture
async def patient(edges: Edges, big_shows: list[int]) -> AsyncIterator[PatientLoad]:
    await settled()
    accounts = [await sign_up(edges) for _ in range(ACCOUNTS)]
    yield PatientLoad(edges, accounts, big_shows)
    make("heal")


async def under_load(load: Load, *fault: str, after: float = AFTER_SECONDS) -> Tally:
    """Runs the load around a fault; returns what happened to it."""
    async with load.running() as tally:
        await asyncio.sleep(BEFORE_SECONDS)
        assert tally.requests > 0, "no load"
        assert not tally.failures, f"failures before the fault: {tally.failures[:3]}"
        await asyncio.to_thread(make, *fault)
        await asyncio.sleep(after)
    return tally


@pytest.mark.parametrize(
    "instance", ["orders-a-1", "gateway-a-1", "catalog-b-1", "balancer-a-1", "payments-a-1"]
)
async def test_a_killed_instance_is_not_noticed(edges: Edges, load: Load, instance: str) -> None:
    tally = await under_load(load, "kill", f"I={instance}")
    await check(edges, tally)


@pytest.mark.parametrize("instance", ["orders-b-1", "gateway-b-1"])
async def test_a_graceful_stop_is_not_noticed(edges: Edges, load: Load, instance: str) -> None:
    tally = await under_load(load, "stop", f"I={instance}")
    await check(edges, tally)


async def test_a_paused_instance_is_not_noticed(edges: Edges, load: Load) -> None:
    """It holds connections, and perhaps a transaction, but nobody waits for it long."""
    tally = await under_load(load, "pause", "I=orders-a-1")
    await check(edges, tally)


async def test_a_paused_balancer_is_not_noticed_inside(edges: Edges, load: Load) -> None:
    """Its zone's gateway goes by the other one; whose edge it is would have to do so as well."""
    edges.current = 0
    tally = await under_load(load, "pause", "I=balancer-b-1")
    await check(edges, tally)
    assert edges.current == 0, "the load was to come by the other edge"


@pytest.mark.parametrize("zone", ["a", "b"])
async def test_a_killed_zone_costs_who_comes_back_nothing(
    edges: Edges, patient: PatientLoad, zone: str
) -> None:
    """Browsing is not harmed; Postgres' primary may be in it: then orders wait for the next one."""
    tally = await under_load(patient, "kill", f"ZONE={zone}", after=AFTER_A_ZONE_SECONDS)
    await check(edges, tally)


async def test_a_killed_redis_primary_is_not_noticed(edges: Edges, load: Load) -> None:
    tally = await under_load(load, "kill", "I=redis-b-1")
    await check(edges, tally)


async def test_a_killed_kafka_leader_delays_and_loses_nothing(edges: Edges, load: Load) -> None:
    tally = await under_load(load, "kill", f"I={_leader_of_orders()}")
    await check(edges, tally)


def _leader_of_orders() -> str:
    """The broker that leads partition 0 of the topic orders; zones a, b, c have numbers 1, 2, 3."""
    number = docker(
        "compose", "run", "--rm", "--no-deps", "-T", "tools", "python", "-c",
        "import os; from kafka import KafkaAdminClient;"
        "admin = KafkaAdminClient(bootstrap_servers=os.environ['KAFKA_BROKERS'].split(','));"
        "print(admin.describe_topics(['orders'])[0]['partitions'][0]['leader_id'])",
    )  # fmt: skip
    return f"kafka-{'abc'[int(number.split()[-1]) - 1]}-1"
