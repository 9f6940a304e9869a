"""What catalog decides, without asking anybody."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from chassis.bus.event import Event
from chassis.problems import FieldError, InvalidRequest

LARGEST_ID = 2**31 - 1
DEFAULT_LIMIT = 20
MOST_ITEMS = 100

_CURSOR_PREFIX = b"after:"
_MOST_CURSOR_CHARS = 32


def show_answer(row: Mapping[str, Any]) -> bytes:
    """A show as the API gives it, from a row of the store; built once a load, not a request."""
    starts_at: datetime = row["starts_at"]
    return orjson.dumps(
        {
            "id": row["id"],
            "title": row["title"],
            "venue": {"id": row["venue_id"], "name": row["venue_name"], "city": row["city"]},
            "starts_at": starts_at,
            "price": {"amount": row["price_amount"], "currency": row["price_currency"]},
            "seats_total": row["seats_total"],
            "seats_left": row["seats_left"],
        },
        option=orjson.OPT_UTC_Z,
    )


def seats_moved(events: Iterable[Event]) -> dict[int, int]:
    """How many more (or fewer, below zero) seats each show has left by what orders told.

    Raises:
        KeyError, TypeError: an event lacks what it must say.
    """
    moved: Counter[int] = Counter()
    for event in events:
        if event.type == "OrderPlaced":
            moved[int(event.data["show_id"])] -= len(event.data["seats"])
        elif event.type == "OrderDeclined":
            moved[int(event.data["show_id"])] += len(event.data["seats"])
    return {show: seats for show, seats in moved.items() if seats}


@dataclass(frozen=True, slots=True)
class Answer:
    """A body as the API gives it, and its validator."""

    body: bytes
    etag: str


class Season:
    """All shows, in the order of their ids, each already the bytes that the API gives."""

    def __init__(self, lines: bytes) -> None:
        """Reads what `join` made."""
        self._items = lines.split(b"\n") if lines else []
        self._ids: list[int] = [orjson.loads(item)["id"] for item in self._items]
        self._by_id = {
            show_id: Answer(item, etag_of(item))
            for show_id, item in zip(self._ids, self._items, strict=True)
        }

    @staticmethod
    def join(items: Iterable[bytes]) -> bytes:
        """One show a line: JSON as orjson writes it has no line breaks of its own."""
        return b"\n".join(items)

    def show(self, show_id: int) -> Answer | None:
        """The answer to GET /shows/{id}; None if there is no such show."""
        return self._by_id.get(show_id)

    def page(self, limit: int, after: int) -> Answer:
        """The answer to GET /shows: up to `limit` shows with ids above `after`."""
        begin = bisect_right(self._ids, after)
        end = min(begin + limit, len(self._ids))
        more = end < len(self._ids)
        cursor = b'"%s"' % encode_cursor(self._ids[end - 1]).encode() if more else b"null"
        body = b'{"items":[%s],"next_cursor":%s}' % (b",".join(self._items[begin:end]), cursor)
        return Answer(body, etag_of(body))


def encode_cursor(after: int) -> str:
    """Where the next page begins, in a form that nobody should take apart."""
    return base64.urlsafe_b64encode(_CURSOR_PREFIX + b"%d" % after).rstrip(b"=").decode()


def decode_cursor(cursor: str | None) -> int:
    """The id after which the page begins; 0 for the first page.

    Raises:
        InvalidRequest: it is not one of ours.
    """
    if cursor is None:
        return 0
    try:
        if len(cursor) > _MOST_CURSOR_CHARS:
            raise ValueError  # noqa: TRY301 - the one answer to all that is wrong with it
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        after = int(text.removeprefix(_CURSOR_PREFIX))
    except (ValueError, binascii.Error):
        after = -1
    if not 0 <= after <= LARGEST_ID or encode_cursor(after) != cursor:
        raise InvalidRequest(errors=(FieldError("cursor", "use next_cursor of the page before"),))
    return after


def parse_limit(limit: str | None) -> int:
    """How many items the caller wants on a page.

    Raises:
        InvalidRequest: it is no number from 1 to 100.
    """
    if limit is None:
        return DEFAULT_LIMIT
    if limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MOST_ITEMS:  # noqa: PLR2004
        return int(limit)
    raise InvalidRequest(errors=(FieldError("limit", f"a number from 1 to {MOST_ITEMS}"),))


def wants_strong(consistency: str | None) -> bool:
    """Whether the caller wants what the primary has now; a copy will do by default.

    Raises:
        InvalidRequest: it is neither strong nor eventual.
    """
    if consistency not in (None, "strong", "eventual"):
        raise InvalidRequest(errors=(FieldError("consistency", "strong or eventual"),))
    return consistency == "strong"


def parse_show_id(text: str) -> int:
    """The id in a path; 0, which no show has, if it is no number."""
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))
    return int(text) if digits else 0


def etag_of(body: bytes) -> str:
    """A strong validator: other bytes have another one."""
    return f'"{blake2b(body, digest_size=8).hexdigest()}"'


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has this very answer already (RFC 9110, section 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    given = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return etag in given


def jittered(seconds: float, chance: float) -> float:
    """`seconds` give or take a fifth, so that what was loaded together expires apart.

    `chance` is a number in [0, 1).
    """
    return seconds * (0.8 + 0.4 * chance)
