"""Asking orders, by the mesh."""

from __future__ import annotations

import uuid

from chassis.mesh import MeshClient
from chassis.problems import NotFound, Unavailable
from services.tickets.decisions import ConfirmedOrder, read_order_answer

_OK, _NOT_FOUND = 200, 404


class Orders:
    """What tickets wants to know of orders."""

    def __init__(self, mesh: MeshClient) -> None:
        self._mesh = mesh

    async def confirmed(self, order_id: uuid.UUID, account_id: uuid.UUID) -> ConfirmedOrder:
        """The account's order, once it is confirmed.

        Raises:
            NotFound: it is not confirmed, or there is none, or it is somebody else's.
            Unavailable: orders cannot say just now.
        """
        headers = {"X-Account-Id": str(account_id)}
        reply = await self._mesh.call("orders", "GET", f"/orders/{order_id}", headers=headers)
        if reply.status == _NOT_FOUND:
            raise NotFound("No such order")
        if reply.status != _OK:
            raise Unavailable("Whether the order is confirmed cannot be found out just now")
        order = read_order_answer(reply.body, account_id)
        if order is None:
            raise NotFound("The order is not confirmed, so it has no tickets")
        return order
