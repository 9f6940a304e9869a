import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from chassis.bus.event import Event
from chassis.problems import InvalidRequest
from services.catalog.decisions import (
    Season,
    decode_cursor,
    encode_cursor,
    etag_of,
    jittered,
    not_modified,
    parse_limit,
    parse_show_id,
    seats_moved,
    show_answer,
    wants_strong,
)


def order(kind: str, show_id: int, seats: list[int]) -> Event:
    data: dict[str, Any] = {"show_id": show_id, "seats": seats}
    return Event.about(str(uuid.uuid4()), kind, str(show_id), data)


def season(count: int) -> Season:
    return Season(Season.join(b'{"id":%d,"title":"a\\nb"}' % i for i in range(1, count + 1)))


def test_a_show_is_answered_as_the_api_says() -> None:
    row = {
        "id": 7,
        "title": "The Patient Kettles: live",
        "venue_id": 3,
        "venue_name": "Salzspeicher",
        "city": "Lübeck",
        "starts_at": datetime(2026, 9, 3, 20, 0, tzinfo=UTC),
        "price_amount": 4500,
        "price_currency": "EUR",
        "seats_total": 600,
        "seats_left": 599,
    }

    assert orjson.loads(show_answer(row)) == {
        "id": 7,
        "title": "The Patient Kettles: live",
        "venue": {"id": 3, "name": "Salzspeicher", "city": "Lübeck"},
        "starts_at": "2026-09-03T20:00:00Z",
        "price": {"amount": 4500, "currency": "EUR"},
        "seats_total": 600,
        "seats_left": 599,
    }


def test_placed_orders_take_seats_declined_ones_give_them_back() -> None:
    events = [
        order("OrderPlaced", 1, [1, 2, 3]),
        order("OrderPlaced", 2, [9]),
        order("OrderDeclined", 1, [2]),
        order("OrderConfirmed", 1, [1]),
        order("SomethingNew", 5, [1]),
    ]

    assert seats_moved(events) == {1: -2, 2: -1}


def test_an_order_that_was_placed_and_declined_at_once_moves_nothing() -> None:
    assert seats_moved([order("OrderPlaced", 1, [4, 5]), order("OrderDeclined", 1, [4, 5])]) == {}


def test_an_order_without_seats_is_refused() -> None:
    with pytest.raises(KeyError):
        seats_moved([Event.about(str(uuid.uuid4()), "OrderPlaced", "1", {"show_id": 1})])


def test_a_show_is_found_by_its_id() -> None:
    show = season(45).show(17)

    assert show is not None
    assert orjson.loads(show.body) == {"id": 17, "title": "a\nb"}
    assert show.etag == etag_of(show.body)
    assert season(45).show(46) is None
    assert season(45).show(0) is None


def test_pages_follow_each_other_to_the_end_and_miss_nothing() -> None:
    shows = season(45)
    seen: list[int] = []
    after, pages = 0, 0

    while True:
        page = orjson.loads(shows.page(20, after).body)
        seen += [item["id"] for item in page["items"]]
        pages += 1
        if page["next_cursor"] is None:
            break
        after = decode_cursor(page["next_cursor"])

    assert seen == list(range(1, 46))
    assert pages == 3


def test_a_page_that_ends_with_the_last_show_is_the_last_page() -> None:
    assert orjson.loads(season(20).page(20, 0).body)["next_cursor"] is None


def test_there_is_nothing_after_the_last_show_or_in_an_empty_season() -> None:
    nothing: dict[str, Any] = {"items": [], "next_cursor": None}

    assert orjson.loads(season(3).page(20, 3).body) == nothing
    assert orjson.loads(Season(b"").page(20, 0).body) == nothing


def test_a_page_stays_the_same_while_other_pages_change() -> None:
    assert season(40).page(10, 0).etag == season(41).page(10, 0).etag
    assert season(40).page(10, 30).etag != season(41).page(10, 30).etag


@pytest.mark.parametrize("after", [0, 1, 20, 2**31 - 1])
def test_a_cursor_comes_back_as_it_was(after: int) -> None:
    assert decode_cursor(encode_cursor(after)) == after


def test_without_a_cursor_it_is_the_first_page() -> None:
    assert decode_cursor(None) == 0


@pytest.mark.parametrize(
    "cursor",
    ["", "20", "!", "YWZ0ZXI6", "YWZ0ZXI6MjA=", "YWZ0ZXI6LTE", "YWZ0ZXI6KzU", "ü", "A" * 10_000],
)
def test_a_made_up_cursor_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_cursor(cursor)

    assert [e.field for e in caught.value.errors] == ["cursor"]


def test_a_cursor_beyond_any_id_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        decode_cursor(encode_cursor(2**31))


@pytest.mark.parametrize(("text", "limit"), [(None, 20), ("1", 1), ("100", 100), ("007", 7)])
def test_limits_from_1_to_100_are_taken(text: str | None, limit: int) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["", "0", "101", "-1", "1.5", "ten", "²", "9" * 5_000])
def test_other_limits_are_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_limit(text)

    assert [e.field for e in caught.value.errors] == ["limit"]


def test_a_copy_will_do_unless_the_caller_says_otherwise() -> None:
    assert not wants_strong(None)
    assert not wants_strong("eventual")
    assert wants_strong("strong")
    with pytest.raises(InvalidRequest) as caught:
        wants_strong("Strong")
    assert [e.field for e in caught.value.errors] == ["consistency"]


@pytest.mark.parametrize(
    ("text", "show_id"),
    [("1", 1), ("200", 200), ("-1", 0), ("x", 0), ("", 0), ("²", 0), ("9" * 5_000, 0)],
)
def test_only_a_number_can_be_a_show(text: str, show_id: int) -> None:
    assert parse_show_id(text) == show_id


def test_other_bytes_have_another_etag() -> None:
    assert etag_of(b"a") == etag_of(b"a")
    assert etag_of(b"a") != etag_of(b"b")


@pytest.mark.parametrize("given", ['"x"', 'W/"x"', '"y", "x"', ' "y" ,W/"x" ', "*"])
def test_an_answer_that_the_caller_has_is_not_sent_again(given: str) -> None:
    assert not_modified(given, '"x"')


@pytest.mark.parametrize("given", [None, "", '"y"', "x", '"y", "z"'])
def test_an_answer_that_the_caller_lacks_is_sent(given: str | None) -> None:
    assert not not_modified(given, '"x"')


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 8.0), (0.5, 10.0), (1.0, 12.0)])
def test_jitter_is_a_fifth_to_either_side(chance: float, seconds: float) -> None:
    assert jittered(10, chance) == pytest.approx(seconds)
