import uuid

import orjson
import pytest

from chassis.bus.event import Event, Undecodable
from chassis.context import RequestContext, current_request
from chassis.trace import Trace

ORDER = "7f0c3f0e-52b8-4c2f-9a39-0f6f3f1d2a11"


def test_it_comes_back_from_the_bus_as_it_was() -> None:
    event = Event.about(ORDER, "OrderPlaced", "17", {"order_id": ORDER, "seats": [1, 2]})

    assert Event.decode(event.key.encode(), event.encode()) == event


def test_its_id_follows_from_subject_and_type() -> None:
    once, again = (Event.about(ORDER, "PaymentCaptured", "17", {}) for _ in range(2))
    other = Event.about(ORDER, "PaymentDeclined", "17", {})

    assert once.id == again.id == str(uuid.uuid5(uuid.UUID(ORDER), "PaymentCaptured"))
    assert other.id != once.id


def test_it_belongs_to_the_trace_of_its_cause() -> None:
    trace = Trace.begin()
    token = current_request.set(RequestContext("r", trace))
    try:
        event = Event.about(ORDER, "OrderPlaced", "17", {})
    finally:
        current_request.reset(token)

    parsed = Trace.parse(event.traceparent)
    assert parsed is not None
    assert parsed.trace_id == trace.trace_id
    assert parsed.span_id != trace.span_id


GOOD = {"id": ORDER, "type": "T", "time": "now", "traceparent": "00-", "data": {}}


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        *(orjson.dumps({k: v for k, v in GOOD.items() if k != gone}) for gone in GOOD),
        orjson.dumps(GOOD | {"id": "no uuid"}),
        orjson.dumps(GOOD | {"id": 7}),
        orjson.dumps(GOOD | {"data": 7}),
        orjson.dumps(GOOD | {"data": "text"}),
    ],
)
def test_what_is_no_event_is_undecodable(value: bytes | None) -> None:
    with pytest.raises(Undecodable):
        Event.decode(b"17", value)


def test_what_is_missing_is_named() -> None:
    without_time = {name: value for name, value in GOOD.items() if name != "time"}
    with pytest.raises(Undecodable, match="'time' is missing"):
        Event.decode(b"17", orjson.dumps(without_time))


def test_a_key_that_is_no_text_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        Event.decode(b"\xff", orjson.dumps(GOOD))


def test_a_record_without_a_key_is_an_event() -> None:
    assert Event.decode(None, orjson.dumps(GOOD)).key == ""
