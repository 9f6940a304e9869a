"""A box office small enough to be trusted, behind two edges, one of which can be closed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

_BUSY_AFTER = 4


class BoxOffice:
    """Keeps orders by key, as the real one does; `lose` makes it forget what it acknowledged,
    and without `tickets` nobody gets any.

    `busy` is set once it has sold to a few.
    """

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self.sold: dict[int, int] = {}
        self.lose = False
        self.tickets = True
        self.busy = asyncio.Event()
        self.urls: list[str] = []
        self.runners: list[web.AppRunner] = []

    async def close_edge(self, number: int) -> None:
        """From now on this edge refuses."""
        await self.runners[number].cleanup()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/v1/accounts", self._account),
            web.post("/api/v1/sessions", self._session),
            web.get("/api/v1/shows", self._shows),
            web.get("/api/v1/shows/{id}", self._show),
            web.post("/api/v1/orders", self._place),
            web.get("/api/v1/orders", self._list),
            web.get("/api/v1/orders/{id}", self._order),
            web.get("/api/v1/tickets/{id}", self._tickets),
        ]

    async def _account(self, request: web.Request) -> web.Response:
        return web.json_response(await request.json(), status=201)

    async def _session(self, request: web.Request) -> web.Response:
        return web.json_response({"token": (await request.json())["email"]}, status=201)

    async def _shows(self, request: web.Request) -> web.Response:
        following = None if "cursor" in request.query else "more"
        return web.json_response({"items": [], "next_cursor": following})

    async def _show(self, request: web.Request) -> web.Response:
        if "if-none-match" in request.headers:
            return web.Response(status=304)
        return web.json_response({"id": int(request.match_info["id"])}, headers={"etag": '"1"'})

    async def _place(self, request: web.Request) -> web.Response:
        key = request.headers["idempotency-key"]
        body = await request.json()
        if key not in self.keys:
            first = self.sold.get(body["show_id"], 0) + 1
            self.sold[body["show_id"]] = first + body["seats"] - 1
            order_id = str(uuid.uuid4())
            self.keys[key] = order_id
            if len(self.keys) == _BUSY_AFTER:
                self.busy.set()
            self.owners[order_id] = request.headers["authorization"]
            self.orders[order_id] = {
                "id": order_id,
                "show_id": body["show_id"],
                "status": "confirmed",
                "seats": list(range(first, first + body["seats"])),
            }
        order = self.orders[self.keys[key]]
        return web.json_response({**order, "status": "pending"}, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        owner = request.headers["authorization"]
        items = [] if self.lose else [o for i, o in self.orders.items() if self.owners[i] == owner]
        return web.json_response({"items": items, "next_cursor": None})

    async def _tickets(self, request: web.Request) -> web.Response:
        if not self.tickets:
            return web.Response(status=404)
        return web.json_response({"order_id": request.match_info["id"], "tickets": []})

    async def _order(self, request: web.Request) -> web.Response:
        if self.lose:
            return web.Response(status=404)
        return web.json_response(self.orders[request.match_info["id"]])


@pytest.fixture
async def box_office() -> AsyncIterator[BoxOffice]:
    office = BoxOffice()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            app = web.Application()
            app.add_routes(office.routes())
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            office.runners.append(runner)
            office.urls.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield office
