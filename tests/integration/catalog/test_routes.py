"""What a caller gets, from real stores and with each of them away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from chassis.lifecycle import Lifecycle
from chassis.store.postgres import Database
from chassis.store.redis import Redis
from services.catalog.app import create_app
from services.catalog.cache import Cache, SharedCopies
from services.catalog.config import CatalogSettings
from services.catalog.store import Store
from services.programme import programme

SHOWS = programme()

Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def start(empty: str, database: Database, copies: tuple[str, str]) -> Start:
    """Starts an instance; its memory is its own, the stores are those given."""
    assert database is not None  # the tables are there

    @asynccontextmanager
    async def start(dsn: str = empty, nodes: str = copies[0]) -> AsyncIterator[httpx.AsyncClient]:
        password = SecretStr(copies[1])
        settings = CatalogSettings(
            instance="catalog-a-1",
            postgres_dsn=SecretStr(dsn),
            redis_nodes=nodes,
            redis_password=password,
            kafka_brokers="unused:9092",
        )
        async with Database.open(dsn) as postgres, Redis.open(nodes, password) as redis:
            cache = Cache(SharedCopies(redis, keep_seconds=60), seconds=0.2, grace=0.1)
            app = create_app(settings, Lifecycle(), cache, Store(postgres))
            transport = httpx.ASGITransport(app)
            async with (
                aclosing(cache),
                httpx.AsyncClient(transport=transport, base_url="http://catalog") as client,
            ):
                yield client

    return start


def away(nowhere: str) -> str:
    return f"postgresql://catalog:x@{nowhere}/catalog"


async def test_pages_have_all_shows_in_order(start: Start) -> None:
    seen: list[dict[str, object]] = []
    query: str | None = "limit=30"
    async with start() as client:
        while query:
            page = (await client.get(f"/shows?{query}")).json()
            seen += page["items"]
            query = page["next_cursor"] and f"limit=30&cursor={page['next_cursor']}"
        default = (await client.get("/shows")).json()

    assert [(s["id"], s["title"]) for s in seen] == [(s.id, s.title) for s in SHOWS]
    assert default["items"] == seen[:20]


async def test_a_show_is_answered_by_who_and_how_old(start: Start) -> None:
    async with start() as client:
        show = await client.get("/shows/17")
        listed = (await client.get("/shows?limit=17")).json()["items"][16]

    assert show.json() == listed
    assert show.json()["seats_left"] == SHOWS[16].seats_total
    assert show.headers["content-type"] == "application/json"
    assert show.headers["x-served-by"] == "a/catalog-a-1"
    assert show.headers["age"] == "0"
    assert show.headers["cache-control"].startswith("public, max-age=2,")
    assert "x-stale" not in show.headers


@pytest.mark.parametrize("path", ["/shows/17?", "/shows?limit=5&"])
async def test_consistency_is_by_request(start: Start, database: Database, path: str) -> None:
    async with start() as client:
        copied = await client.get(path)
        await database.execute("UPDATE availability SET seats_left = seats_left - 1")
        copy = await client.get(f"{path}consistency=eventual")
        strong = await client.get(f"{path}consistency=strong")
        refused = await client.get(f"{path}consistency=certainly")

    assert int(copy.headers["x-staleness-ms"]) >= 0
    assert copy.json() == copied.json()
    assert strong.headers["x-staleness-ms"] == "0"
    assert strong.headers["cache-control"] == "no-store"
    assert strong.json() != copied.json()
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "consistency"


@pytest.mark.parametrize("path", ["/shows/17", "/shows?limit=5"])
async def test_what_the_caller_has_is_not_sent_again(start: Start, path: str) -> None:
    async with start() as client:
        first = await client.get(path)
        tag = first.headers["etag"]
        again = await client.get(path, headers={"If-None-Match": tag})
        other = await client.get(path, headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["/shows/201", "/shows/0", "/shows/seventeen"])
async def test_an_unknown_show_is_a_problem(start: Start, path: str) -> None:
    async with start() as client:
        reply = await client.get(path)

    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["type"] == "not-found"


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")]
)
async def test_a_bad_query_is_refused_by_field(start: Start, query: str, field: str) -> None:
    async with start() as client:
        reply = await client.get(f"/shows?{query}")

    assert reply.status_code == 422
    assert [e["field"] for e in reply.json()["errors"]] == [field]


async def test_the_api_is_described_with_its_parameters(start: Start) -> None:
    async with start() as client:
        paths = (await client.get("/openapi.json")).json()["paths"]

    parameters = [p["name"] for p in paths["/shows"]["get"]["parameters"]]
    assert parameters == ["limit", "cursor", "consistency", "If-None-Match"]
    parameters = [p["name"] for p in paths["/shows/{show_id}"]["get"]["parameters"]]
    assert parameters == ["show_id", "consistency", "If-None-Match"]
    assert set(paths["/shows/{show_id}"]["get"]["responses"]) == {"200", "304", "404"}


async def test_without_redis_browsing_goes_on(start: Start, nowhere: str) -> None:
    async with start(nodes=nowhere) as client:
        assert (await client.get("/shows/17")).status_code == 200
        assert len((await client.get("/shows")).json()["items"]) == 20


async def test_without_postgres_browsing_goes_on_from_copies(start: Start, nowhere: str) -> None:
    async with start() as client:
        whole = (await client.get("/shows")).json()
        show = (await client.get("/shows/17")).json()
    await asyncio.sleep(0.4)  # the copies are older now than any should be

    async with start(dsn=away(nowhere)) as client:  # nothing in its memory
        reply = await client.get("/shows/17")
        listing = await client.get("/shows")
        unknown = await client.get("/shows/201")

    assert (reply.json(), reply.headers["x-stale"]) == (show, "true")
    assert (listing.json(), listing.headers["x-stale"]) == (whole, "true")
    assert unknown.status_code == 404


async def test_without_both_it_is_a_decided_error(start: Start, nowhere: str) -> None:
    async with start(dsn=away(nowhere), nodes=nowhere) as client:
        reply = await client.get("/shows/17")

    assert reply.status_code == 503
    assert reply.headers["content-type"] == "application/problem+json"
    assert int(reply.headers["retry-after"]) >= 1
