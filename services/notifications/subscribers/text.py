"""A text message once an order is decided; one for its placing would be one too many."""

from __future__ import annotations

from chassis.bus.event import Event
from chassis.store.postgres import Connection
from services.notifications.decisions import CONFIRMED, DECLINED, OrderNews, seats
from services.notifications.subscribers.subscriber import Subscriber


def write(kind: str, news: OrderNews) -> str:
    """The message about an event; it fits into the 160 characters of one."""
    if kind == CONFIRMED:
        return f"Holdfast: {seats(news.seats)} of show {news.show_id}: yours."
    return f"Holdfast: show {news.show_id}: your card was not charged, your seats are free again."


async def effect(connection: Connection, events: list[Event]) -> None:
    """Puts the messages of a batch into the outbox."""
    news = [OrderNews.of(e) for e in events]
    await connection.execute(
        "INSERT INTO text_outbox (order_id, kind, account_id, body)"
        " SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[])",
        [n.order_id for n in news],
        [e.type for e in events],
        [n.account_id for n in news],
        [write(e.type, n) for e, n in zip(events, news, strict=True)],
    )


TEXT = Subscriber("text", frozenset({CONFIRMED, DECLINED}), effect)
