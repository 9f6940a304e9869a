"""What is a replay and what is not; the connection is made up."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from services.orders.store import Store

from .test_decisions import COMMAND, ORDER


class Keyed:
    """A database where the key is known already, with ORDER."""

    async def transact(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(self)

    async def fetchval(self, *_: Any) -> None:
        """Nobody claims the key any more."""

    async def fetchrow(self, *_: Any) -> dict[str, Any]:
        return {**asdict(ORDER), "fingerprint": COMMAND.fingerprint}


@pytest.mark.parametrize(
    ("order_id", "replay"), [(ORDER.id, False), (str(uuid.uuid4()), True)], ids=["own", "another"]
)
async def test_an_order_is_no_replay_of_itself(order_id: str, replay: bool) -> None:
    """The connection broke at the commit, the transaction is run again, and finds its own key."""
    store = Store(Keyed())  # type: ignore[arg-type]
    order, replayed = await store.place(replace(COMMAND, order_id=order_id))
    assert (order.id, replayed) == (ORDER.id, replay)
