"""Accounts and sessions on a real Postgres and a real Redis, and with each of them away."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from chassis.lifecycle import Lifecycle
from chassis.session import Sessions
from chassis.store.redis import Redis
from services.sessions.config import SessionsSettings
from services.sessions.main import build

Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

PASSWORD = "correct horse"


def nowhere() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def someone() -> dict[str, str]:
    return {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}


@pytest.fixture
def start(postgres: Callable[[str], str], redis: tuple[str, str]) -> Start:
    """Starts an instance; settings may be changed."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[httpx.AsyncClient]:
        given = {
            "instance": "sessions-a-1",
            "postgres_dsn": SecretStr(postgres("sessions")),
            "redis_nodes": redis[0],
            "redis_password": SecretStr(redis[1]),
            **changes,
        }
        async with build(SessionsSettings.model_validate(given), Lifecycle()) as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sessions") as client:
                yield client

    return start


@pytest.fixture
async def client(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    async with start() as client:
        await ready(client)
        yield client


@pytest.fixture
async def sessions(redis: tuple[str, str]) -> AsyncIterator[Sessions]:
    """What the gateway checks with."""
    settings = SessionsSettings.model_construct(
        session_idle_seconds=1800, session_longest_seconds=28_800, sessions_per_account=20
    )
    async with Redis.open(redis[0], SecretStr(redis[1])) as store:
        yield Sessions(store, settings)


async def ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)


async def sign_in(client: httpx.AsyncClient, who: dict[str, str]) -> str:
    answer = await client.post("/sessions", json=who)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


class TestAccounts:
    async def test_one_account_for_an_email_however_it_is_spelt(
        self, client: httpx.AsyncClient
    ) -> None:
        who = someone()
        first = await client.post("/accounts", json=who)
        assert first.status_code == 201
        assert first.json() == {"id": first.json()["id"], "email": who["email"]}
        again = await client.post("/accounts", json={**who, "email": f" {who['email'].upper()}"})
        assert (again.status_code, again.json()["type"]) == (409, "email-taken")

    async def test_of_many_at_once_one_wins(self, client: httpx.AsyncClient) -> None:
        who = someone()
        answers = await asyncio.gather(*(client.post("/accounts", json=who) for _ in range(8)))
        assert sorted(a.status_code for a in answers) == [201, *[409] * 7]

    async def test_a_key_makes_it_safe_to_send_again(self, client: httpx.AsyncClient) -> None:
        who, key = someone(), {"Idempotency-Key": uuid.uuid4().hex}
        answers = [await client.post("/accounts", json=who, headers=key) for _ in range(2)]
        assert [a.status_code for a in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert [a.headers.get("idempotency-replayed") for a in answers] == [None, "true"]

    async def test_a_key_is_for_one_request(self, client: httpx.AsyncClient) -> None:
        who, key = someone(), {"Idempotency-Key": uuid.uuid4().hex}
        await client.post("/accounts", json=who, headers=key)
        other = {**who, "password": "another password"}
        reused = await client.post("/accounts", json=other, headers=key)
        assert (reused.status_code, reused.json()["type"]) == (422, "idempotency-key-reused")
        taken = await client.post("/accounts", json=who, headers={"Idempotency-Key": "other"})
        assert taken.status_code == 409

    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            ({"email": "ada"}, ["email"]),
            ({"password": "short"}, ["password"]),
            ({"password": "x" * 129}, ["password"]),
            ({"email": 7, "password": None}, ["email", "password"]),
        ],
    )
    async def test_says_which_field_is_wrong(
        self, client: httpx.AsyncClient, change: dict[str, object], fields: list[str]
    ) -> None:
        answer = await client.post("/accounts", json={**someone(), **change})
        assert answer.status_code == 422
        assert [e["field"] for e in answer.json()["errors"]] == fields


class TestSessions:
    async def test_signing_in_opens_a_session(
        self, client: httpx.AsyncClient, sessions: Sessions
    ) -> None:
        who = someone()
        account = (await client.post("/accounts", json=who)).json()["id"]
        answer = await client.post("/sessions", json=who)
        token, cookie = answer.json()["token"], answer.headers["set-cookie"]
        assert await sessions.check(token) == account
        assert cookie.startswith(f"session={token};")
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert "Secure" not in cookie

    async def test_the_cookie_is_for_tls_only_where_there_is_tls(self, start: Start) -> None:
        async with start(cookie_secure=True) as client:
            await ready(client)
            who = someone()
            await client.post("/accounts", json=who)
            assert "; Secure" in (await client.post("/sessions", json=who)).headers["set-cookie"]

    @pytest.mark.parametrize(
        "change", [{"password": "wrong horse"}, {"email": "nobody@example.com"}, {"email": "x"}]
    )
    async def test_who_does_not_know_is_not_told_what(
        self, client: httpx.AsyncClient, change: dict[str, str]
    ) -> None:
        who = someone()
        await client.post("/accounts", json=who)
        answer = await client.post("/sessions", json={**who, **change})
        assert (answer.status_code, answer.json()["type"]) == (401, "bad-credentials")
        assert "set-cookie" not in answer.headers

    async def test_signing_out_here(self, client: httpx.AsyncClient, sessions: Sessions) -> None:
        who = someone()
        account = (await client.post("/accounts", json=who)).json()["id"]
        here, there = await sign_in(client, who), await sign_in(client, who)
        for _ in range(2):
            headers = {"Authorization": f"Bearer {here}"}
            assert (await client.delete("/sessions/current", headers=headers)).status_code == 204
        assert [await sessions.check(t) for t in (here, there)] == [None, account]

    async def test_signing_out_everywhere(
        self, client: httpx.AsyncClient, sessions: Sessions
    ) -> None:
        who, other = someone(), someone()
        account = (await client.post("/accounts", json=who)).json()["id"]
        other_account = (await client.post("/accounts", json=other)).json()["id"]
        tokens = [await sign_in(client, w) for w in (who, who, who, other)]
        answer = await client.delete("/sessions", headers={"X-Account-Id": account})
        assert answer.status_code == 204
        assert 'session=""' in answer.headers["set-cookie"]
        assert [await sessions.check(t) for t in tokens] == [None, None, None, other_account]

    async def test_signing_out_takes_a_session(self, client: httpx.AsyncClient) -> None:
        assert (await client.delete("/sessions")).status_code == 401
        assert (await client.delete("/sessions/current")).status_code == 401


class TestAway:
    async def test_without_redis_accounts_are_opened_and_nobody_signs_in(
        self, start: Start
    ) -> None:
        async with start(redis_nodes=nowhere()) as client:
            await ready(client)
            who = someone()
            assert (await client.post("/accounts", json=who)).status_code == 201
            answer = await client.post("/sessions", json=who)
            assert (answer.status_code, answer.json()["type"]) == (503, "store-unavailable")
            assert answer.headers["retry-after"] == "1"

    async def test_without_postgres_it_lives_and_says_so(self, start: Start) -> None:
        dsn = f"postgresql://sessions@{nowhere()}/sessions"
        async with start(postgres_dsn=SecretStr(dsn)) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).text == "starting: migrate\n"
            answer = await client.post("/sessions", json=someone())
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")

    async def test_while_accounts_are_locked_nobody_is_left_without_word(
        self, client: httpx.AsyncClient, postgres: Callable[[str], str]
    ) -> None:
        owner = await asyncpg.connect(postgres("sessions"))
        async with owner.transaction():
            await owner.execute("LOCK accounts")
            # Working, not standing still: that would be cut off before the lock_timeout of others.
            working = asyncio.create_task(owner.execute("SELECT pg_sleep(4)"))
            answer = await client.post("/accounts", json=someone())
            await working
        await owner.close()
        assert (answer.status_code, answer.json()["type"]) == (503, "store-busy")
        assert answer.headers["retry-after"] == "1"

    async def test_a_flood_of_sign_ins_is_told_to_come_back(self, start: Start) -> None:
        async with start(hash_threads=1, hash_queue=0) as client:
            await ready(client)
            answers = await asyncio.gather(
                *(client.post("/sessions", json=someone()) for _ in range(20))
            )
            statuses = {a.status_code for a in answers}
            assert statuses == {401, 503}
            refused = next(a for a in answers if a.status_code == 503)
            assert refused.json()["type"] == "overloaded"
            assert refused.headers["retry-after"] == "1"
