"""The public API, asked from outside as a stranger would."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.cluster.buyers import Account, Edges, sign_up
from tests.cluster.conftest import make

pytestmark = pytest.mark.timeout(120)


async def order(
    edges: Edges, account: Account, show: int, key: str | None = None, **fields: Any
) -> httpx.Response:
    headers = {**account.headers, "Idempotency-Key": key or uuid.uuid4().hex}
    body = {"show_id": show, "seats": 2, **fields}
    return await edges.send("POST", "/orders", json=body, headers=headers)


async def decided(edges: Edges, account: Account, order_id: str, seconds: float = 30) -> str:
    async with asyncio.timeout(seconds):
        while True:
            answer = await edges.send("GET", f"/orders/{order_id}", headers=account.headers)
            assert answer.status_code == 200, answer.text
            status: str = answer.json()["status"]
            if status != "pending":
                return status
            await asyncio.sleep(0.1)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"]


async def test_a_ticket_is_sold_end_to_end(
    edges: Edges, account: Account, big_shows: list[int]
) -> None:
    placed = await order(edges, account, big_shows[0])
    assert placed.status_code == 201
    bought = placed.json()
    assert bought["status"] == "pending"
    assert placed.headers["location"] == f"/api/v1/orders/{bought['id']}"

    assert await decided(edges, account, bought["id"]) == "confirmed"
    tickets = await edges.send("GET", f"/tickets/{bought['id']}", headers=account.headers)
    assert tickets.status_code == 200
    assert [t["seat"] for t in tickets.json()["tickets"]] == bought["seats"]

    code = tickets.json()["tickets"][0]["code"]
    verified = await edges.send("GET", "/tickets/verify", params={"code": code})
    assert verified.json()["valid"] is True
    assert verified.json()["seat"] == bought["seats"][0]
    forged = await edges.send("GET", "/tickets/verify", params={"code": "x" + code[1:]})
    assert forged.json()["valid"] is False


async def test_a_declined_card_gives_the_seats_back(
    edges: Edges, account: Account, big_shows: list[int]
) -> None:
    placed = await order(edges, account, big_shows[1], card="tok_declined")
    assert placed.status_code == 201
    assert await decided(edges, account, placed.json()["id"]) == "declined"
    tickets = await edges.send("GET", f"/tickets/{placed.json()['id']}", headers=account.headers)
    assert problem(tickets) == (404, "not-found")


async def test_a_slow_card_is_confirmed_later(
    edges: Edges, account: Account, big_shows: list[int]
) -> None:
    placed = await order(edges, account, big_shows[1], card="tok_slow")
    assert await decided(edges, account, placed.json()["id"]) == "confirmed"


async def test_the_same_key_gets_the_same_answer(
    edges: Edges, account: Account, big_shows: list[int]
) -> None:
    key = uuid.uuid4().hex
    first = await order(edges, account, big_shows[0], key)
    again = await order(edges, account, big_shows[0], key)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.is_success
    assert again.json() == first.json()
    other = await order(edges, account, big_shows[0], key, seats=3)
    assert problem(other) == (422, "idempotency-key-reused")


async def test_an_order_needs_a_key_a_session_and_good_fields(
    edges: Edges, account: Account, big_shows: list[int]
) -> None:
    body = {"show_id": big_shows[0], "seats": 1}
    no_key = await edges.send("POST", "/orders", json=body, headers=account.headers)
    assert problem(no_key)[0] == 400
    no_session = await edges.send("POST", "/orders", json=body, headers={"Idempotency-Key": "k"})
    assert problem(no_session) == (401, "unauthorized")
    stranger = {"Idempotency-Key": "k", "X-Account-Id": str(uuid.uuid4())}
    assert (await edges.send("POST", "/orders", json=body, headers=stranger)).status_code == 401
    wrong: list[tuple[str, Any]] = [("seats", 0), ("seats", 11), ("card", "cash")]
    for field, value in wrong:
        bad = await order(edges, account, big_shows[0], **{field: value})
        assert problem(bad) == (422, "invalid-request")
        assert [e["field"] for e in bad.json()["errors"]] == [field]
    assert problem(await order(edges, account, 9999)) == (422, "invalid-request")


async def test_what_is_not_mine_is_not_there(
    edges: Edges, account: Account, big_shows: list[int]
) -> None:
    placed = await order(edges, account, big_shows[0])
    other = await sign_up(edges)
    path = f"/orders/{placed.json()['id']}"
    assert problem(await edges.send("GET", path, headers=other.headers)) == (404, "not-found")
    mine = await edges.send("GET", "/orders", headers=account.headers)
    theirs = await edges.send("GET", "/orders", headers=other.headers)
    assert [o["id"] for o in mine.json()["items"]] == [placed.json()["id"]]
    assert theirs.json()["items"] == []


async def test_accounts_and_sessions(edges: Edges) -> None:
    credentials = {"email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse battery"}
    assert (await edges.send("POST", "/accounts", json=credentials)).status_code == 201
    assert (await edges.send("POST", "/accounts", json=credentials)).status_code == 409
    bad = await edges.send("POST", "/accounts", json={"email": "nobody", "password": "x" * 20})
    assert problem(bad)[0] == 422
    assert [e["field"] for e in bad.json()["errors"]] == ["email"]
    wrong = {**credentials, "password": "something else"}
    assert problem(await edges.send("POST", "/sessions", json=wrong))[0] == 401

    first = await edges.send("POST", "/sessions", json=credentials)
    second = await edges.send("POST", "/sessions", json=credentials)
    assert {"token", "expires_at"} <= first.json().keys()
    cookie = first.headers["set-cookie"].lower()
    assert cookie.startswith("session=")
    assert "httponly" in cookie
    one, two = (Account(a.json()["token"]) for a in (first, second))

    by_cookie = await edges.send("GET", "/orders", headers={"Cookie": f"session={one.token}"})
    assert by_cookie.status_code == 200
    out = await edges.send("DELETE", "/sessions/current", headers=one.headers)
    assert out.status_code == 204
    assert (await edges.send("GET", "/orders", headers=one.headers)).status_code == 401
    assert (await edges.send("GET", "/orders", headers=two.headers)).status_code == 200
    assert (await edges.send("DELETE", "/sessions", headers=two.headers)).status_code == 204
    assert (await edges.send("GET", "/orders", headers=two.headers)).status_code == 401


async def test_the_catalogue_has_the_whole_season(edges: Edges) -> None:
    shows: dict[int, Any] = {}
    cursor: str | None = None
    while True:
        params = {"limit": "60", **({"cursor": cursor} if cursor else {})}
        page = (await edges.send("GET", "/shows", params=params)).json()
        shows |= {s["id"]: s for s in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            break
    totals = [s["seats_total"] for s in shows.values()]
    assert len(shows) == 200
    assert (min(totals), max(totals)) == (50, 20_000)
    assert len({s["venue"]["id"] for s in shows.values()}) == 20


async def test_an_unchanged_show_is_not_sent_again(edges: Edges) -> None:
    answer = await edges.send("GET", "/shows/1")
    assert {"id", "seats_total", "seats_left", "price"} <= answer.json().keys()
    again = await edges.send("GET", "/shows/1", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert problem(await edges.send("GET", "/shows/9999")) == (404, "not-found")
    assert problem(await edges.send("GET", "/shows?limit=0"))[0] == 422


async def test_selling_out_a_small_show(edges: Edges, account: Account) -> None:
    """Seats come and go with each run, so buy until none is left, then look at who got what."""
    page = (await edges.send("GET", "/shows?limit=100")).json()
    small = min(page["items"], key=lambda s: (s["seats_left"] == 0, s["seats_total"]))
    sold: list[int] = []
    while True:
        answers = await asyncio.gather(
            *(order(edges, account, small["id"], seats=7) for _ in range(10))
        )
        sold += [seat for a in answers if a.status_code == 201 for seat in a.json()["seats"]]
        refused = [a for a in answers if a.status_code != 201]
        if refused:
            break
    assert {problem(a) for a in refused} <= {(409, "sold-out"), (503, "seats-contended")}
    assert len(sold) == len(set(sold)) <= small["seats_total"]


async def test_every_answer_names_its_request_and_its_way(edges: Edges) -> None:
    answer = await edges.send("GET", "/shows/1", headers={"X-Request-Id": "seen-from-outside"})
    assert answer.headers["x-request-id"] == "seen-from-outside"
    service, gateway = answer.headers["x-served-by"].split(", ")
    assert service.startswith(("a/catalog-a-", "b/catalog-b-"))
    assert gateway.startswith(("a/gateway-a-", "b/gateway-b-"))
    missing = await edges.send("GET", "/nowhere")
    assert problem(missing)[0] == 404
    assert missing.headers["x-request-id"]


async def test_one_document_describes_the_whole_api(edges: Edges) -> None:
    async with httpx.AsyncClient() as client:
        document = (await client.get(f"{edges.urls[0]}/openapi.json")).json()
    assert {
        "/api/v1/accounts", "/api/v1/sessions", "/api/v1/sessions/current", "/api/v1/shows",
        "/api/v1/shows/{show_id}", "/api/v1/orders", "/api/v1/orders/{order_id}",
        "/api/v1/tickets/{order_id}",
    } <= document["paths"].keys()  # fmt: skip


async def test_nothing_internal_is_open_at_the_edge(edges: Edges) -> None:
    async with httpx.AsyncClient(base_url=edges.urls[0]) as client:
        for path in ("/metrics", "/state", "/api/v1/metrics", "/api/v1/charges", "/charges"):
            assert (await client.get(path)).status_code == 404, path


def test_how_long_an_order_waits_to_be_confirmed_is_told() -> None:
    assert "2 orders confirmed: " in make("confirmed", "COUNT=2")
