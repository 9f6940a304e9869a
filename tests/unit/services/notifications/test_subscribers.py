import uuid

import pytest
from pydantic import ValidationError

from chassis.bus.event import Event
from services.notifications.app import total
from services.notifications.config import NotificationsSettings
from services.notifications.decisions import OrderNews, money, seats
from services.notifications.subscribers import ALL, email, text
from services.notifications.subscribers.statistics import Tally, tally


def event(kind: str, show_id: int = 17, amount: int = 4205, **changes: object) -> Event:
    order_id = str(uuid.uuid4())
    data = {
        "order_id": order_id,
        "account_id": str(uuid.uuid4()),
        "show_id": show_id,
        "seats": [9, 7, 8],
        "amount": amount,
        "currency": "EUR",
    }
    return Event.about(order_id, kind, str(show_id), data | changes)


@pytest.mark.parametrize(
    ("amount", "shown"), [(4205, "42.05 EUR"), (5, "0.05 EUR"), (120_000, "1200.00 EUR")]
)
def test_money(amount: int, shown: str) -> None:
    assert money(amount, "EUR") == shown


def test_seats() -> None:
    assert seats([7]) == "seat 7"
    assert seats([9, 7, 8]) == "seats 7, 8, 9"


@pytest.mark.parametrize("gone", ["order_id", "account_id", "show_id", "seats", "amount"])
def test_news_that_lack_something_are_an_error(gone: str) -> None:
    news = event("OrderPlaced")
    del news.data[gone]
    with pytest.raises(ValueError, match=gone):
        OrderNews.of(news)


@pytest.mark.parametrize(
    ("kind", "subject", "body"),
    [
        (
            "OrderPlaced",
            "We have your order",
            "We hold seats 7, 8, 9 of show 17 for you and charge 42.05 EUR to your card.",
        ),
        (
            "OrderConfirmed",
            "Your tickets",
            "Paid: 42.05 EUR. You have seats 7, 8, 9 of show 17. Enjoy the evening!",
        ),
        (
            "OrderDeclined",
            "Your order could not be paid",
            "We gave seats 7, 8, 9 of show 17 back (card-declined). Nothing was paid.",
        ),
    ],
)
def test_an_email(kind: str, subject: str, body: str) -> None:
    news = OrderNews.of(event(kind, reason="card-declined"))

    assert email.write(kind, news) == (subject, body)


@pytest.mark.parametrize("kind", ["OrderConfirmed", "OrderDeclined"])
def test_a_text_message_is_one_message(kind: str) -> None:
    most = OrderNews.of(event(kind, show_id=200, seats=list(range(19_991, 20_001))))

    assert "show 200" in text.write(kind, most)
    assert len(text.write(kind, most)) <= 160


def test_a_batch_is_tallied_by_show_in_their_order() -> None:
    batch = [
        event("OrderPlaced", 9),
        event("OrderPlaced", 2),
        event("OrderPlaced", 9),
        event("OrderConfirmed", 9, amount=100),
        event("OrderConfirmed", 9, amount=50),
        event("OrderDeclined", 2, amount=70),
    ]

    assert tally(batch) == [
        Tally(2, "EUR", placed=1, declined=1),
        Tally(9, "EUR", placed=2, confirmed=2, revenue=150),
    ]


def test_the_total_is_by_currency() -> None:
    shows = [
        Tally(1, "EUR", 5, 3, 1, 300),
        Tally(2, "EUR", 1, 1, 0, 50),
        Tally(3, "CHF", 1, 1, 0, 7),
    ]

    assert total(shows) == {
        "placed": 7,
        "confirmed": 5,
        "declined": 1,
        "revenue": [{"amount": 7, "currency": "CHF"}, {"amount": 350, "currency": "EUR"}],
    }


def test_each_subscriber_is_known_by_its_name() -> None:
    assert {name: s.name for name, s in ALL.items()} == {n: n for n in NAMES}


NAMES = ("email", "text", "statistics")


def settings(**given: object) -> NotificationsSettings:
    return NotificationsSettings.model_validate(
        {"instance": "n-a-1", "postgres_dsn": "x", "kafka_brokers": "k:9092"} | given
    )


def test_all_run_unless_told_otherwise() -> None:
    assert settings().subscribers == NAMES
    assert settings(subscribers="email, statistics").subscribers == ("email", "statistics")


def test_an_unknown_subscriber_is_refused() -> None:
    with pytest.raises(ValidationError, match="pigeon"):
        settings(subscribers="email,pigeon")
