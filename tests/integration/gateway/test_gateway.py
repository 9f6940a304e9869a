"""The gateway as a process, on a real Redis, with the real sessions behind it where it matters."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from aiohttp import web

from tests.ports import free_port

from .conftest import Mesh, Process, Spawn, forward_to


@pytest.fixture
async def caller() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10) as client:
        yield client


@pytest.fixture
async def sessions(
    spawn: Spawn, mesh: Mesh, postgres: Callable[[str], str], redis: tuple[str, str]
) -> Process:
    """The real sessions, behind the mesh."""
    process = await spawn(
        "services.sessions.main",
        INSTANCE="sessions-a-1",
        POSTGRES_DSN=postgres("sessions"),
        REDIS_NODES=redis[0],
        REDIS_PASSWORD=redis[1],
    )
    mesh.services["sessions"] = forward_to(process.url)
    return process


async def test_browsing(gateway: Spawn, caller: httpx.AsyncClient) -> None:
    api = (await gateway()).url + "/api/v1"
    answer = await caller.get(f"{api}/shows?limit=2", headers={"X-Request-Id": "mine"})
    assert answer.json()["line"] == "GET /shows?limit=2"
    assert answer.headers["x-served-by"] == "a/echo-a-1, a/gateway-a-1"
    assert (answer.headers["x-request-id"], answer.headers["etag"]) == ("mine", '"1"')
    head = await caller.head(f"{api}/shows")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0


@pytest.mark.usefixtures("sessions")
async def test_from_an_account_to_signing_out(gateway: Spawn, caller: httpx.AsyncClient) -> None:
    """On two instances by turns: neither keeps anything to itself."""
    one, other = [(await gateway()).url + "/api/v1" for _ in range(2)]
    who = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse"}

    account = (await caller.post(f"{one}/accounts", json=who)).json()["id"]
    token = (await caller.post(f"{other}/sessions", json=who)).json()["token"]
    by_cookie = await caller.post(f"{one}/orders", json={"show_id": 1})
    assert (by_cookie.json()["account"], by_cookie.json()["body"]) == (account, '{"show_id":1}')

    caller.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}", "X-Account-Id": str(uuid.uuid4())}
    assert (await caller.get(f"{other}/orders", headers=bearer)).json()["account"] == account
    assert (await caller.get(f"{other}/orders")).status_code == 401

    assert (await caller.delete(f"{one}/sessions/current", headers=bearer)).status_code == 204
    assert (await caller.get(f"{other}/orders", headers=bearer)).status_code == 401


@pytest.mark.usefixtures("sessions")
async def test_describes_what_the_services_really_serve(
    gateway: Spawn, mesh: Mesh, caller: httpx.AsyncClient
) -> None:
    async def away(_: web.BaseRequest) -> web.Response:
        return web.Response(status=503)

    mesh.services |= dict.fromkeys(["catalog", "orders", "tickets"], away)
    document = (await caller.get(f"{(await gateway()).url}/openapi.json")).json()
    paths = document["paths"]
    assert {(path, method) for path in paths for method in paths[path]} == {
        ("/api/v1/accounts", "post"),
        ("/api/v1/sessions", "post"),
        ("/api/v1/sessions", "delete"),
        ("/api/v1/sessions/current", "delete"),
    }
    assert {"NewAccount", "SessionAnswer", "Problem"} <= set(document["components"]["schemas"])
    assert "security" in paths["/api/v1/sessions"]["delete"]


async def test_two_instances_share_a_callers_limit(
    gateway: Spawn, caller: httpx.AsyncClient
) -> None:
    limits = {"ADDRESS_RATE": "0.01", "ADDRESS_BURST": "40"}  # a share is 2
    one, other = [(await gateway(**limits)).url + "/api/v1/shows" for _ in range(2)]
    address = {"X-Forwarded-For": f"caller-{uuid.uuid4().hex}"}
    answers = [await caller.get(url, headers=address) for _ in range(40) for url in (one, other)]
    admitted = sum(a.status_code == 200 for a in answers)
    assert 40 <= admitted <= 40 + 2 * 2
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    stranger = {"X-Forwarded-For": f"caller-{uuid.uuid4().hex}"}
    assert (await caller.get(one, headers=stranger)).status_code == 200


@pytest.mark.parametrize("answers", [False, True], ids=["refuses", "hangs"])
async def test_without_redis(gateway: Spawn, caller: httpx.AsyncClient, answers: bool) -> None:
    """Browsing goes on, within limits; who needs a session is told when to come back."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if answers:
            listener.listen()  # the kernel accepts, and nobody ever answers
        redis = f"127.0.0.1:{listener.getsockname()[1]}"
        limits = {"ADDRESS_RATE": "0.01", "ADDRESS_BURST": "40"}
        api = (await gateway(REDIS_NODES=redis, **limits)).url + "/api/v1"

        browsed = [(await caller.get(f"{api}/shows")).status_code for _ in range(50)]
        assert browsed == [200] * 40 + [429] * 10
        token = {"Authorization": f"Bearer {uuid.uuid4()}.{'x' * 43}"}
        async with asyncio.timeout(2):  # its own limits come to 0.9
            refused = await caller.get(f"{api}/orders", headers=token)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_the_other_balancer(gateway: Spawn, mesh: Mesh, caller: httpx.AsyncClient) -> None:
    api = (await gateway(MESH=f"http://127.0.0.1:{free_port()},{mesh.url}")).url + "/api/v1"
    assert (await caller.get(f"{api}/shows")).status_code == 200


async def test_finishes_what_was_begun_when_told_to_stop(
    gateway: Spawn, mesh: Mesh, caller: httpx.AsyncClient
) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: web.BaseRequest) -> web.Response:
        arrived.set()
        await go_on.wait()
        return web.json_response({})

    mesh.services["catalog"] = slow
    process = await gateway(DRAIN_SECONDS="0.3")
    request = asyncio.ensure_future(caller.get(f"{process.url}/api/v1/shows"))
    await arrived.wait()
    process.terminate()
    async with asyncio.timeout(5):
        while (await caller.get(f"{process.url}/readyz")).status_code != 503:
            await asyncio.sleep(0.01)
    go_on.set()
    assert (await request).status_code == 200
    assert await process.exit_status() == 0
