"""Routes of the acquirer."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response
from fastapi.responses import JSONResponse

from chassis.lifecycle import Lifecycle
from chassis.problems import NotFound, Unauthorized
from chassis.web import create_app as create_shell
from services.acquirer.config import AcquirerSettings
from services.acquirer.decisions import ChargeRequest, Knobs, can_be_key, check_key
from services.acquirer.store import Store
from services.acquirer.trouble import Trouble


def create_app(
    settings: AcquirerSettings, life: Lifecycle, store: Store, trouble: Trouble
) -> FastAPI:
    """Wires the routes to ledger and knobs. Only charging suffers from the knobs."""
    app = create_shell(settings, life, title="acquirer")
    expected = f"Bearer {settings.acquirer_api_key.get_secret_value()}".encode()

    async def check_api_key(authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), expected):
            raise Unauthorized("Show your API key: Authorization: Bearer ...")

    routes = APIRouter(dependencies=[Depends(check_api_key)])

    @routes.post("/charges", status_code=201)
    async def make_charge(
        request: ChargeRequest,
        key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
    ) -> Response:
        """Charges a card. The same key again gets the same answer again."""
        checked = check_key(key)
        async with trouble.around(request.card):
            charge, replayed = await store.charge(checked, request)
        if replayed:
            return JSONResponse(charge.answer(), 200, {"Idempotency-Replayed": "true"})
        return JSONResponse(charge.answer(), 201)

    @routes.get("/charges")
    async def list_charges(
        cursor: Annotated[str, Query(pattern=r"^[!-~]*$")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """The ledger by key, for audits: what was there when the first page was read is in it."""
        charges = await store.page(cursor, limit + 1)
        shown = charges[:limit]
        more = len(charges) > limit
        return JSONResponse(
            {"items": [c.answer() for c in shown], "next_cursor": shown[-1].key if more else None}
        )

    @routes.get("/charges/{key:path}")
    async def get_charge(key: str) -> Response:
        """One charge."""
        if not can_be_key(key):
            raise NotFound("No charge with this key")
        return JSONResponse((await store.get(key)).answer())

    @routes.get("/knobs")
    async def get_knobs() -> Knobs:
        """How the acquirer behaves."""
        return await store.read_knobs()

    @routes.put("/knobs")
    async def put_knobs(knobs: Knobs) -> Knobs:
        """Behaves otherwise, on all instances within a second; what is left out is the default."""
        await store.turn_knobs(knobs)
        trouble.turned(knobs)
        return knobs

    app.include_router(routes)
    return app
