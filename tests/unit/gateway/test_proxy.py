"""What goes in and what comes out, with a mesh that only remembers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import SecretStr

from chassis.context import current_request
from chassis.lifecycle import Lifecycle
from chassis.mesh import Reply
from chassis.problems import Unavailable
from chassis.store.errors import StoreUnavailable
from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.description import Description
from gateway.limits import Limiter
from gateway.proxy import Proxy

TOKEN = "c8ec3583." + "x" * 43
ACCOUNT = "c8ec3583"


class FakeMesh:
    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.reply = reply()
        self.error: Exception | None = None

    async def call(
        self,
        service: str,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        request = current_request.get()
        assert request is not None
        self.calls.append(
            {
                "service": service,
                "line": f"{method} {target}",
                "headers": headers,
                "body": body,
                "account": request.account_id,
            }
        )
        if self.error:
            raise self.error
        return self.reply


class FakeSessions:
    away = False

    async def check(self, token: str) -> str | None:
        if self.away:
            raise StoreUnavailable("Redis: gone")
        return ACCOUNT if token == TOKEN else None


class NoRedis:
    async def run(self, *_: Any, **__: Any) -> Any:
        raise StoreUnavailable("Redis: gone")


def reply(status: int = 200, body: bytes = b"{}", **headers: str) -> Reply:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Reply(status, CIMultiDictProxy(named), body)


@pytest.fixture
def mesh() -> FakeMesh:
    return FakeMesh()


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
async def client(mesh: FakeMesh, sessions: FakeSessions) -> AsyncIterator[httpx.AsyncClient]:
    settings = GatewaySettings(
        instance="gateway-b-1",
        zone="b",
        redis_nodes="nowhere:1",
        redis_password=SecretStr("secret"),
        mesh="http://nowhere",
        max_body_bytes=100,
        account_rate=0.1,
        account_burst=5,
        address_rate=0.1,
        address_burst=20,
    )
    limiter = Limiter(NoRedis(), most=10)  # type: ignore[arg-type]
    proxy = Proxy(settings, mesh, sessions, limiter)  # type: ignore[arg-type]
    app = create_app(settings, Lifecycle(), proxy, Description(mesh, 60))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge/api/v1") as client:
        yield client


async def test_passes_path_query_and_known_headers_on(
    client: httpx.AsyncClient, mesh: FakeMesh
) -> None:
    await client.get(
        "/shows?limit=5&cursor=a%2Fb",
        headers={"Accept": "text/x", "If-None-Match": '"1"', "X-Secret": "1", "User-Agent": "u"},
    )
    (call,) = mesh.calls
    assert (call["service"], call["line"]) == ("catalog", "GET /shows?limit=5&cursor=a%2Fb")
    assert call["headers"] == {"Accept": "text/x", "If-None-Match": '"1"'}
    assert call["body"] is None


async def test_passes_a_body_on(client: httpx.AsyncClient, mesh: FakeMesh) -> None:
    await client.post("/accounts", json={"email": "x"}, headers={"Idempotency-Key": "k"})
    (call,) = mesh.calls
    assert call["body"] == b'{"email":"x"}'
    assert call["headers"] == {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "Idempotency-Key": "k",
    }


async def test_returns_the_answer_without_what_belongs_to_the_hop(
    client: httpx.AsyncClient, mesh: FakeMesh
) -> None:
    mesh.reply = reply(
        201, b'{"id":1}', Location="/orders/1", ETag='"1"', Idempotency_Replayed="true",
        Connection="close", Transfer_Encoding="chunked", Date="then", Via="1.1 balancer-a",
        X_Request_Id="inner", X_Served_By="a/orders-a-1", Set_Cookie="session=1",
    )  # fmt: skip
    answer = await client.post("/sessions", json={}, headers={"X-Request-Id": "mine"})
    assert (answer.status_code, answer.content) == (201, b'{"id":1}')
    assert dict(answer.headers) == {
        "location": "/api/v1/orders/1",
        "etag": '"1"',
        "idempotency-replayed": "true",
        "set-cookie": "session=1",
        "content-length": "8",
        "x-request-id": "mine",
        "x-served-by": "a/orders-a-1, b/gateway-b-1",
    }


async def test_an_answer_without_a_body_has_no_length(
    client: httpx.AsyncClient, mesh: FakeMesh
) -> None:
    mesh.reply = reply(304, b"", ETag='"1"')
    answer = await client.get("/shows")
    assert answer.status_code == 304
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    "credentials", [{"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"session={TOKEN}"}]
)
async def test_a_session_becomes_an_account(
    client: httpx.AsyncClient, mesh: FakeMesh, credentials: dict[str, str]
) -> None:
    await client.get("/orders", headers={**credentials, "X-Account-Id": "someone-else"})
    (call,) = mesh.calls
    assert call["account"] == ACCOUNT
    assert "Authorization" not in call["headers"]


@pytest.mark.parametrize("credentials", [{}, {"Authorization": "Bearer wrong"}])
async def test_without_a_session_orders_are_refused(
    client: httpx.AsyncClient, mesh: FakeMesh, credentials: dict[str, str]
) -> None:
    answer = await client.get("/orders", headers={**credentials, "X-Account-Id": ACCOUNT})
    assert (answer.status_code, answer.json()["type"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert mesh.calls == []


async def test_nobody_is_anybody_by_saying_so(client: httpx.AsyncClient, mesh: FakeMesh) -> None:
    await client.get("/shows", headers={"X-Account-Id": ACCOUNT})
    assert mesh.calls[0]["account"] is None


async def test_only_signing_out_sees_the_token(client: httpx.AsyncClient, mesh: FakeMesh) -> None:
    mesh.reply = reply(204, b"")
    await client.delete("/sessions/current", headers={"Cookie": f"session={TOKEN}"})
    assert mesh.calls[0]["headers"]["Authorization"] == f"Bearer {TOKEN}"


async def test_without_redis_browsing_goes_on_and_orders_say_when_to_come_back(
    client: httpx.AsyncClient, sessions: FakeSessions
) -> None:
    sessions.away = True
    assert (await client.get("/shows")).status_code == 200
    answer = await client.get("/orders", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json()["type"]) == (503, "store-unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_a_way_inside_that_broke_is_said(client: httpx.AsyncClient, mesh: FakeMesh) -> None:
    mesh.error = Unavailable("The way inside broke")
    answer = await client.get("/shows")
    assert (answer.status_code, answer.json()["type"]) == (503, "unavailable")
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


async def test_limits_an_account_by_itself(client: httpx.AsyncClient) -> None:
    signed_in = {"Authorization": f"Bearer {TOKEN}"}
    statuses = [(await client.get("/orders", headers=signed_in)).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert (await client.get("/shows")).status_code == 200


async def test_limits_an_address_as_our_balancer_saw_it(client: httpx.AsyncClient) -> None:
    async def ask(forwarded: str) -> httpx.Response:
        return await client.get("/shows", headers={"X-Forwarded-For": forwarded})

    for spoofed in range(20):
        assert (await ask(f"10.0.0.{spoofed}, 203.0.113.9")).status_code == 200
    refused = await ask("10.0.0.99, 203.0.113.9")
    assert (refused.status_code, refused.json()["type"]) == (429, "too-many-requests")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await ask("203.0.113.10")).status_code == 200


async def test_unknown_paths_and_wrong_methods(client: httpx.AsyncClient, mesh: FakeMesh) -> None:
    unknown = await client.get("/nothing")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "not-found")
    wrong = await client.put("/orders")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "method-not-allowed")
    assert wrong.headers["allow"] == "GET, HEAD, POST"
    assert mesh.calls == []


async def test_too_large_a_body_is_refused(client: httpx.AsyncClient, mesh: FakeMesh) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 50

    assert (await client.post("/accounts", content=b"x" * 101)).status_code == 413
    assert (await client.post("/accounts", content=in_pieces())).status_code == 413
    assert mesh.calls == []


async def test_who_leaves_while_sending_is_not_forwarded(
    client: httpx.AsyncClient, mesh: FakeMesh
) -> None:
    app = client._transport.app  # type: ignore[attr-defined]
    sent: list[Any] = []
    messages: Iterator[dict[str, Any]] = iter([
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/accounts", "query_string": b"",
        "raw_path": b"/api/v1/accounts", "headers": [(b"content-length", b"9")], "client": None,
        "root_path": "", "scheme": "http", "server": ("edge", 80), "http_version": "1.1",
    }  # fmt: skip
    await app(scope, receive, send)
    assert (mesh.calls, sent) == ([], [])


async def test_describes_the_api(client: httpx.AsyncClient, mesh: FakeMesh) -> None:
    mesh.reply = reply(200, b'{"paths":{"/shows":{"get":{"responses":{"200":{}}}}}}')
    answer = await client.get("http://edge/openapi.json")
    assert list(answer.json()["paths"]) == ["/api/v1/shows"]
    assert {call["line"] for call in mesh.calls} == {"GET /openapi.json"}
    page = await client.get("http://edge/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "/api/v1/shows" in page.text


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/orders", 405),
        ("GET", "http://edge/", 404),
        ("GET", "http://edge/elsewhere", 404),
        ("GET", "http://edge/api/v1", 404),
        ("GET", "http://edge/docs/", 404),
        ("POST", "http://edge/docs", 405),
        ("GET", "http://edge/docs", 200),
        ("HEAD", "http://edge/docs", 200),
        ("HEAD", "http://edge/openapi.json", 200),
    ],
)
async def test_whatever_is_asked_counts(
    client: httpx.AsyncClient, method: str, url: str, status: int
) -> None:
    answers = [await client.request(method, url) for _ in range(21)]
    assert [a.status_code for a in answers] == [status] * 20 + [429]
    if status >= 400:
        assert answers[0].headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_are_not_limited(client: httpx.AsyncClient, path: str) -> None:
    answers = [await client.get(f"http://edge{path}") for _ in range(30)]
    assert {a.status_code for a in answers} == {200}
