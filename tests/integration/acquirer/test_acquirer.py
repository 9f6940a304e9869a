"""Two instances of the acquirer as real processes, on one real database."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.integration.conftest import StartService

API_KEY = "a-secret-of-the-tests"
QUICK = {"latency_ms": 0, "jitter_ms": 0, "error_rate": 0, "hang_rate": 0}

Instances = list[httpx.AsyncClient]


@pytest.fixture(scope="module")
def urls(start_service: StartService, postgres: Callable[[str], str]) -> list[str]:
    settings = {"POSTGRES_DSN": postgres("acquirer"), "ACQUIRER_API_KEY": API_KEY}
    return [start_service("acquirer", **settings).url for _ in range(2)]


@pytest.fixture
async def instances(urls: list[str]) -> AsyncIterator[Instances]:
    customer = {"Authorization": f"Bearer {API_KEY}"}
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=customer, timeout=10)
            )
            for url in urls
        ]
        await turn_all(clients, QUICK)
        yield clients


async def turn(client: httpx.AsyncClient, knobs: dict[str, Any]) -> None:
    answer = await client.put("/knobs", json=knobs)
    assert answer.status_code == 200


async def turn_all(instances: Instances, knobs: dict[str, Any]) -> None:
    """Turned on each instance, so that none has to wait for its copy to age."""
    for client in instances:
        await turn(client, knobs)


def charge(reference: str, **changes: Any) -> dict[str, Any]:
    return {"reference": reference, "amount": 4200, "currency": "EUR", "card": "tok_ok"} | changes


async def post(
    client: httpx.AsyncClient, key: str, body: dict[str, Any] | None = None
) -> httpx.Response:
    return await client.post("/charges", json=body or charge(key), headers={"Idempotency-Key": key})


async def test_a_charge_and_its_replay_by_the_other_instance(instances: Instances) -> None:
    here, there = instances
    key = str(uuid.uuid4())

    first = await post(here, key)
    again = await post(there, key)

    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    assert {"status": "captured", "amount": 4200, "currency": "EUR", "reference": key}.items() <= (
        first.json().items()
    )
    assert again.status_code == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    assert (await there.get(f"/charges/{key}")).json() == first.json()


async def test_a_declined_card_stays_declined(instances: Instances) -> None:
    key = str(uuid.uuid4())
    body = charge(key, card="tok_declined")

    answers = [await post(client, key, body) for client in instances]

    assert [a.json()["status"] for a in answers] == ["declined", "declined"]


async def test_a_key_with_another_charge_is_refused(instances: Instances) -> None:
    key = str(uuid.uuid4())
    await post(instances[0], key)

    answer = await post(instances[1], key, charge(key, amount=1))

    assert (answer.status_code, answer.json()["type"]) == (422, "idempotency-key-reused")
    assert (await instances[0].get(f"/charges/{key}")).json()["amount"] == 4200


async def test_many_at_once_with_one_key_are_one_charge(instances: Instances) -> None:
    key = str(uuid.uuid4())

    answers = await asyncio.gather(*(post(instances[i % 2], key) for i in range(40)))

    assert Counter(a.status_code for a in answers) == {201: 1, 200: 39}
    assert len({a.json()["id"] for a in answers}) == 1


async def test_what_is_not_asked_for_rightly_is_refused(instances: Instances) -> None:
    client, key = instances[0], str(uuid.uuid4())

    without_key = await client.post("/charges", json=charge(key))
    stranger = await client.post(
        "/charges",
        json=charge(key),
        headers={"Idempotency-Key": key, "Authorization": "Bearer guessed"},
    )
    free = await post(client, key, charge(key, amount=0))

    assert (without_key.status_code, without_key.json()["type"]) == (400, "idempotency-key-missing")
    assert (stranger.status_code, stranger.json()["type"]) == (401, "unauthorized")
    assert (free.status_code, free.json()["errors"][0]["field"]) == (422, "amount")
    assert (await client.get(f"/charges/{key}")).status_code == 404


@pytest.mark.parametrize("path", ["/charges", "/charges/x", "/knobs"])
async def test_everything_but_health_needs_the_api_key(instances: Instances, path: str) -> None:
    async with httpx.AsyncClient(base_url=instances[0].base_url) as stranger:
        assert (await stranger.get(path)).status_code == 401
        assert (await stranger.put("/knobs", json={})).status_code == 401
        for open_to_all in ("/healthz", "/readyz", "/metrics"):
            assert (await stranger.get(open_to_all)).status_code == 200


async def test_the_ledger_is_read_page_by_page(instances: Instances) -> None:
    keys = {f"page-{uuid.uuid4()}" for _ in range(7)}
    await asyncio.gather(*(post(instances[0], key) for key in keys))

    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await instances[1].get("/charges", params={"cursor": cursor, "limit": 3})).json()
        assert len(page["items"]) <= 3
        found += [item["key"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert found == sorted(set(found))
    assert keys <= set(found)


async def test_knobs_turned_at_one_instance_hold_at_both(instances: Instances) -> None:
    here, there = instances
    await turn(here, QUICK | {"error_rate": 1.0})

    assert (await there.get("/knobs")).json() == QUICK | {"error_rate": 1.0}
    until = time.monotonic() + 10
    while (await post(there, str(uuid.uuid4()))).status_code != 500:
        assert time.monotonic() < until


async def test_knobs_that_make_no_sense_are_refused(instances: Instances) -> None:
    answer = await instances[0].put("/knobs", json={"error_rate": 1.5})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "error_rate"
    assert (await instances[1].get("/knobs")).json() == QUICK


async def test_an_answer_may_be_lost_but_the_charge_is_made_once(instances: Instances) -> None:
    await turn_all(instances, QUICK | {"error_rate": 1.0})
    keys = [str(uuid.uuid4()) for _ in range(24)]
    answers = await asyncio.gather(*(post(instances[i % 2], k) for i, k in enumerate(keys)))
    assert {a.status_code for a in answers} == {500}
    charged = [(await instances[0].get(f"/charges/{k}")).status_code for k in keys]
    assert set(charged) == {200, 404}  # errors struck before and after the effect

    await turn_all(instances, QUICK)
    retried = [await post(instances[0], k) for k in keys]

    assert [a.status_code for a in retried] == [200 if c == 200 else 201 for c in charged]


async def test_a_hanging_acquirer_still_answers_for_its_health(instances: Instances) -> None:
    await turn_all(instances, QUICK | {"hang_rate": 1.0})

    hung = await instances[0].post(
        "/charges",
        json=charge("h"),
        headers={"Idempotency-Key": str(uuid.uuid4()), "X-Request-Timeout-Ms": "200"},
    )

    assert hung.status_code == 504
    assert (await instances[0].get("/readyz")).status_code == 200


async def test_the_slow_card_is_captured_in_the_end(instances: Instances) -> None:
    key = str(uuid.uuid4())
    began = time.monotonic()

    answer = await post(instances[0], key, charge(key, card="tok_slow"))

    assert answer.json()["status"] == "captured"
    assert time.monotonic() - began >= 3
