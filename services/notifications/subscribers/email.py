"""An e-mail at each step of an order."""

from __future__ import annotations

from chassis.bus.event import Event
from chassis.store.postgres import Connection
from services.notifications.decisions import (
    CONFIRMED,
    DECLINED,
    PLACED,
    OrderNews,
    money,
    seats,
)
from services.notifications.subscribers.subscriber import Subscriber


def write(kind: str, news: OrderNews) -> tuple[str, str]:
    """Subject and body of the e-mail about an event."""
    what = f"{seats(news.seats)} of show {news.show_id}"
    price = money(news.amount, news.currency)
    if kind == PLACED:
        return "We have your order", f"We hold {what} for you and charge {price} to your card."
    if kind == CONFIRMED:
        return "Your tickets", f"Paid: {price}. You have {what}. Enjoy the evening!"
    return "Your order could not be paid", f"We gave {what} back ({news.reason}). Nothing was paid."


async def effect(connection: Connection, events: list[Event]) -> None:
    """Puts the e-mails of a batch into the outbox."""
    news = [OrderNews.of(e) for e in events]
    texts = [write(e.type, n) for e, n in zip(events, news, strict=True)]
    await connection.execute(
        "INSERT INTO email_outbox (order_id, kind, account_id, subject, body)"
        " SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[])",
        [n.order_id for n in news],
        [e.type for e in events],
        [n.account_id for n in news],
        [subject for subject, _ in texts],
        [body for _, body in texts],
    )


EMAIL = Subscriber("email", frozenset({PLACED, CONFIRMED, DECLINED}), effect)
