"""The shell around every route, asked through ASGI."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict

from chassis.config import Settings
from chassis.context import current_request
from chassis.lifecycle import Lifecycle
from chassis.problems import Conflict, Unavailable
from chassis.resilience import BulkheadFull, current_deadline
from chassis.web import create_app


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int


@pytest.fixture
def life() -> Lifecycle:
    return Lifecycle()


@pytest.fixture
async def client(life: Lifecycle) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        service="things",
        zone="a",
        instance="things-a-1",
        max_body_bytes=100_000,
        request_seconds=0.2,
    )
    app = create_app(settings, life, title="things")
    _routes(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://things") as client:
        yield client


def _routes(app: FastAPI) -> None:
    @app.post("/things")
    async def make(thing: Thing) -> Thing:
        return thing

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.get("/context")
    async def context() -> dict[str, object]:
        request, deadline = current_request.get(), current_deadline.get()
        assert request is not None
        assert deadline is not None
        return {
            "account": request.account_id,
            "trace": request.trace.trace_id,
            "state": request.trace.state,
            "ms": int(deadline.to_header()),
        }

    @app.get("/taken")
    async def taken() -> None:
        raise Conflict("Somebody has it")

    @app.get("/away")
    async def away() -> None:
        raise Unavailable("Postgres: OSError", retry_after=1.2)

    @app.get("/full")
    async def full() -> None:
        raise BulkheadFull("no place", retry_after=3)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(10)


async def test_every_answer_says_who_gave_it_and_to_which_request(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/healthz", headers={"X-Request-Id": "mine-1"})
    assert answer.status_code == 200
    assert answer.headers["x-served-by"] == "a/things-a-1"
    assert answer.headers["x-request-id"] == "mine-1"


async def test_a_harmful_request_id_is_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz", headers={"X-Request-Id": "x" * 129})
    assert len(answer.headers["x-request-id"]) == 24


async def test_live_is_not_ready(client: httpx.AsyncClient, life: Lifecycle) -> None:
    life.wait_for("migrate")
    assert (await client.get("/healthz")).status_code == 200
    unready = await client.get("/readyz")
    assert (unready.status_code, unready.text) == (503, "starting: migrate\n")
    life.done("migrate")
    assert (await client.get("/readyz")).status_code == 200


async def test_the_context_is_known_inside(client: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {
        "X-Account-Id": "acc",
        "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
        "X-Request-Timeout-Ms": "150",
    }
    answer = (await client.get("/context", headers=headers)).json()
    assert answer["account"] == "acc"
    assert answer["trace"] == trace
    assert 0 < answer["ms"] <= 150


async def test_tracestate_comes_in_lines_and_only_with_a_trace(client: httpx.AsyncClient) -> None:
    lines = [("tracestate", "a=1"), ("tracestate", "b=2")]
    given = [*lines, ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    assert (await client.get("/context", headers=given)).json()["state"] == "a=1,b=2"
    assert (await client.get("/context", headers=lines)).json()["state"] == ""


async def test_a_caller_cannot_have_more_time_than_there_is(client: httpx.AsyncClient) -> None:
    answer = await client.get("/context", headers={"X-Request-Timeout-Ms": "99999999"})
    assert answer.json()["ms"] <= 200


@pytest.mark.parametrize(
    ("path", "status", "kind", "retry_after"),
    [
        ("/taken", 409, "conflict", None),
        ("/away", 503, "unavailable", "2"),
        ("/full", 503, "overloaded", "3"),
        ("/broken", 500, "internal-error", None),
        ("/slow", 504, "deadline-missed", None),
        ("/nowhere", 404, "not-found", None),
    ],
)
async def test_every_failure_is_a_problem(
    client: httpx.AsyncClient, path: str, status: int, kind: str, retry_after: str | None
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("retry-after") == retry_after
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (kind, status)
    assert problem["request_id"] == answer.headers["x-request-id"]


async def test_a_bad_field_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things", json={"size": "large"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "invalid-request"
    assert [e["field"] for e in answer.json()["errors"]] == ["size"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"size": ', id="cut"),
        pytest.param(b"nonsense", id="words"),
        pytest.param(b'{"size": "\xff"}', id="latin-1"),
        pytest.param(b"[" * 90_000, id="nested"),
        pytest.param(b'{"size": ' + b"9" * 5000 + b"}", id="digits"),
    ],
)
async def test_what_is_no_json_is_told_so(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(
        "/things", content=body, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid-json")
    assert "errors" not in answer.json()


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-json"}]
)
async def test_a_body_is_said_to_be_json(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.post("/things", content=b'{"size": 1}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "unsupported-media-type")


async def test_no_body_and_a_body_of_another_shape_are_bad_fields(
    client: httpx.AsyncClient,
) -> None:
    for more in ({}, {"json": [1]}):
        answer = await client.post("/things", **more)  # type: ignore[arg-type]
        assert answer.status_code == 422
        assert [e["field"] for e in answer.json()["errors"]] == ["body"]


async def test_of_many_errors_the_first_twenty_are_told_and_no_long_names(
    client: httpx.AsyncClient,
) -> None:
    fields = {"size": 1, "x" * 5000: 0, **{f"extra-{n}": 0 for n in range(6000)}}
    problem = (await client.post("/things", json=fields)).json()
    assert len(problem["errors"]) == 20
    assert problem["detail"] == "5981 more are wrong"
    assert max(len(e["field"]) for e in problem["errors"]) == 200


async def test_a_name_that_is_no_text_is_a_bad_field_too(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/things",
        content=b'{"size": 1, "\\ud800": 1}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_head_is_answered_like_get(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == 200


async def test_no_path_is_redirected(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/raw", content=b"x" * 100_000)).json() == 100_000
    assert (await client.post("/raw", content=b"x" * 100_001)).status_code == 413


async def test_a_body_over_the_limit_is_refused_also_when_its_length_was_not_told(
    client: httpx.AsyncClient,
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 50_000

    answer = await client.post("/raw", content=parts())
    assert (answer.status_code, answer.json()["type"]) == (413, "too-large")


async def test_requests_are_counted_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/taken")
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/taken",status="409"}' in text
