"""Routes of tickets."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import FastAPI, Header
from pydantic import BaseModel, Field

from chassis.lifecycle import Lifecycle
from chassis.problems import NotFound, Unauthorized
from chassis.web import create_app as create_shell
from services.tickets.codes import Verifier
from services.tickets.config import TicketsSettings
from services.tickets.peers import Orders
from services.tickets.store import Store


class TicketAnswer(BaseModel):
    """A ticket for one seat."""

    seat: int
    code: str = Field(
        description="signed; GET /tickets/verify or the public key tells if it is ours"
    )


class TicketsAnswer(BaseModel):
    """The tickets of one order."""

    order_id: uuid.UUID
    show_id: int
    tickets: list[TicketAnswer]


class Verdict(BaseModel):
    """Whether we signed a code, and if so for what."""

    valid: bool
    order_id: uuid.UUID | None = None
    show_id: int | None = None
    seat: int | None = None


class Keys(BaseModel):
    """Public keys, as a JSON Web Key set."""

    keys: list[dict[str, str]]


Account = Annotated[str | None, Header(alias="X-Account-Id", include_in_schema=False)]


def create_app(
    settings: TicketsSettings, life: Lifecycle, store: Store, orders: Orders, verifier: Verifier
) -> FastAPI:
    """Wires the routes."""
    app = create_shell(settings, life, title="tickets")

    @app.get("/tickets/keys")
    async def get_keys() -> Keys:
        """The key that ticket codes are checked with, by whoever wants to."""
        return Keys(keys=[verifier.jwk()])

    @app.get("/tickets/verify", response_model_exclude_none=True)
    async def verify(code: str) -> Verdict:
        """Whether a ticket is ours. That it was not used before is for the door to know."""
        ticket = verifier.read(code)
        if ticket is None:
            return Verdict(valid=False)
        return Verdict(
            valid=True, order_id=ticket.order_id, show_id=ticket.show_id, seat=ticket.seat
        )

    @app.get("/tickets/{order_id}", responses={404: {"description": "Not (yet) confirmed"}})
    async def get_tickets(order_id: str, account: Account = None) -> TicketsAnswer:
        """The tickets of a confirmed order of the caller's."""
        order, owner = _order_id(order_id), _signed_in(account)
        issued = await store.of_order(order, owner)
        if not issued:  # the event may be on its way still: who sees "confirmed" gets tickets
            issued = await store.issue(await orders.confirmed(order, owner))
        return TicketsAnswer(
            order_id=order,
            show_id=issued[0].ticket.show_id,
            tickets=[TicketAnswer(seat=i.ticket.seat, code=i.code) for i in issued],
        )

    return app


def _signed_in(account: str | None) -> uuid.UUID:
    try:
        return uuid.UUID(account or "")
    except ValueError:
        raise Unauthorized from None


def _order_id(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError:
        raise NotFound("No such order") from None
