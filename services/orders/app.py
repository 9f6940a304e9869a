"""Routes of orders."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chassis.lifecycle import Lifecycle
from chassis.problems import FieldError, InvalidRequest, NotFound, Unauthorized
from chassis.web import STALENESS, staleness
from chassis.web import create_app as create_shell
from services.orders.config import OrdersSettings
from services.orders.decisions import MOST_SEATS, Order, Place, PlaceOrder, check_key
from services.orders.store import Store
from services.programme import Show


class OrderRequest(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", strict=True)

    show_id: int
    seats: int = Field(ge=1, le=MOST_SEATS)
    card: Literal["tok_ok", "tok_declined", "tok_slow"] = "tok_ok"


class Money(BaseModel):
    """An amount in minor units (cents)."""

    amount: int
    currency: str


class OrderAnswer(BaseModel):
    """An order, as its owner sees it."""

    id: uuid.UUID
    show_id: int
    status: Literal["pending", "confirmed", "declined"]
    seats: list[int]
    total: Money
    created_at: str


class OrderPage(BaseModel):
    """Some orders, and where to go on."""

    items: list[OrderAnswer]
    next_cursor: str | None


def _digits(given: object) -> object:
    """What Python would take for a number as well (1_0, +5, 5.0) is none in a query."""
    if isinstance(given, str) and not (given.isascii() and given.isdigit()):
        raise ValueError("digits only")
    return given


Limit = Annotated[int, BeforeValidator(_digits), Query(ge=1, le=100)]
Consistency = Literal["strong", "eventual"]
Account = Annotated[str | None, Header(alias="X-Account-Id", include_in_schema=False)]

# Required, and yet looked at by ourselves: a missing one is not the framework's 422 but a 400.
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "1 to 255 characters of the caller's choice, another for each order",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
# So long does it take to be decided, as a rule; who asks sooner mostly has to ask again.
_DECIDED_SECONDS = 1
_PENDING_HEADER: dict[str, Any] = {
    "Retry-After": {
        "description": "While it is pending: seconds after which to ask again",
        "schema": {"type": "integer"},
    }
}
_PLACED: dict[int | str, dict[str, Any]] = {
    201: {
        "headers": {
            "Location": {
                "description": "Where the order is",
                "required": True,
                "schema": {"type": "string"},
            },
            "Idempotency-Replayed": {
                "description": "That the answer was given before",
                "schema": {"type": "string", "const": "true"},
            },
            **_PENDING_HEADER,
        }
    }
}
_LOOKED_AT: dict[int | str, dict[str, Any]] = {
    200: {"headers": STALENESS[200]["headers"] | _PENDING_HEADER}
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"description": "No Idempotency-Key, or one that cannot be a key"},
    409: {
        "description": "sold-out; or request-in-progress: the first request with this key is still"
        " running, and Retry-After says when to ask again"
    },
    422: {
        "description": "A field cannot be used, and `errors` says which; or the body is no JSON;"
        " or the key came with another order before"
    },
}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "The caller has no such order"}}


def create_app(
    settings: OrdersSettings, life: Lifecycle, store: Store, shows: Mapping[int, Show]
) -> FastAPI:
    """Wires the routes to the store."""
    app = create_shell(settings, life, title="orders")

    @app.post(
        "/orders",
        status_code=201,
        response_model=OrderAnswer,
        responses=_PLACED | _REFUSED,
        openapi_extra={"parameters": [_KEY]},
    )
    async def place_order(
        request: OrderRequest,
        account: Account = None,
        key: Annotated[str | None, Header(alias="Idempotency-Key", include_in_schema=False)] = None,
    ) -> Response:
        """Takes seats and places an order. The same key again gets the same answer again."""
        account_id = _signed_in(account)
        order, replayed = await store.place(_command(request, shows, account_id, check_key(key)))
        headers = {"Location": f"/orders/{order.id}", **_ask_again(order)}
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        return JSONResponse(order.answer(), 201, headers)

    @app.get("/orders/{order_id}", response_model=OrderAnswer, responses=_LOOKED_AT | _UNKNOWN)
    async def get_order(
        order_id: str, account: Account = None, consistency: Consistency = "strong"
    ) -> Response:
        """One order of the caller's. An eventual answer may lack what was ordered just now."""
        account_id = _signed_in(account)
        order, age = await store.get(
            _order_id(order_id), account_id, eventual=consistency == "eventual"
        )
        return JSONResponse(order.answer(), headers=staleness(age) | _ask_again(order))

    @app.get("/orders", response_model=OrderPage, responses=STALENESS)
    async def list_orders(
        account: Account = None,
        limit: Limit = 20,
        cursor: Annotated[str | None, Query(description="next_cursor of the page before")] = None,
        consistency: Consistency = "strong",
    ) -> Response:
        """The caller's orders, newest first. An eventual answer may lack the newest."""
        orders, age = await store.of_account(
            _signed_in(account),
            limit + 1,
            None if cursor is None else Place.decode(cursor),
            eventual=consistency == "eventual",
        )
        return JSONResponse(_page(orders, limit), headers=staleness(age))

    return app


def _ask_again(order: Order) -> dict[str, str]:
    return {"Retry-After": str(_DECIDED_SECONDS)} if order.status == "pending" else {}


def _signed_in(account: str | None) -> str:
    try:
        return str(uuid.UUID(account or ""))
    except ValueError:
        raise Unauthorized from None


def _order_id(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError:
        raise NotFound("No such order") from None


def _command(
    request: OrderRequest, shows: Mapping[int, Show], account_id: str, key: str
) -> PlaceOrder:
    show = shows.get(request.show_id)
    if show is None:
        raise InvalidRequest(errors=(FieldError("show_id", "there is no such show"),))
    return PlaceOrder(
        order_id=str(uuid.uuid4()),
        account_id=account_id,
        key=key,
        show_id=show.id,
        seats=request.seats,
        card=request.card,
        amount=show.price_amount * request.seats,
        currency=show.price_currency,
    )


def _page(orders: list[Order], limit: int) -> dict[str, object]:
    shown = orders[:limit]
    more = len(orders) > limit
    cursor = Place.of(shown[-1]).encode() if more else None
    return {"items": [o.answer() for o in shown], "next_cursor": cursor}
