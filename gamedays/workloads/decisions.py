"""What a client makes of an answer: pure."""

from __future__ import annotations

from binascii import crc_hqx
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import orjson

from gamedays.history import Outcome

NO_ANSWER = 0
_SERVER_ERROR, _UNAVAILABLE = 500, 503
_DONE = frozenset({200, 201, 204, 304})
_CONFLICT, _UNAUTHORIZED, _TOO_MANY = 409, 401, 429

_SLOTS = 16_384
_FIRST_SLOTS = (0, 5461, 10_923)  # of each shard (docker/redis/member.sh)

_PAUSE_SECONDS, _PAUSE_AT_MOST = 0.25, 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request; status 0 and an error where there was none."""

    status: int
    body: bytes = b""
    retry_after: float | None = None
    error: str = ""

    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)

    def brief(self) -> dict[str, Any]:
        """What the history keeps of an answer that was no success."""
        kept: dict[str, Any] = {"status": self.status}
        if self.error:
            kept["error"] = self.error
        if self.status == _UNAVAILABLE:  # a 503 without it is a fault of its own
            kept["retry_after"] = self.retry_after
        return kept


def outcome(answer: Answer) -> Outcome:
    """Whether what was asked for happened.

    No answer and a server's error say nothing about what happened before them; neither does the
    409 that says when to come back, for the first request with that key is still running.
    """
    if answer.status in _DONE:
        return "ok"
    if answer.status == NO_ANSWER or answer.status >= _SERVER_ERROR:
        return "info"
    if answer.status == _CONFLICT and answer.retry_after is not None:
        return "info"
    return "fail"


def final(answer: Answer) -> bool:
    """Whether a buyer takes this for an answer. What only delays it is asked again by its key."""
    if outcome(answer) == "info":
        return False
    return answer.status not in (_UNAUTHORIZED, _TOO_MANY)


def given_up(answer: Answer) -> Answer:
    """The last answer to what was asked several times by one key and never answered for good.

    Not being heard the last time says nothing about the times before.
    """
    if outcome(answer) == "info":
        return answer
    return Answer(NO_ANSWER, error=f"gave up at {answer.status}")


def session_lost(answer: Answer) -> bool:
    """Whether the client has to sign in again."""
    return answer.status == _UNAUTHORIZED


def pause(answer: Answer, asked: int) -> float:
    """Seconds to wait before asking again, after the `asked`-th time: as told, or growing."""
    own = min(_PAUSE_SECONDS * 2.0 ** (asked - 1), _PAUSE_AT_MOST)
    told = answer.retry_after or 0.0
    return max(own, min(told, _PAUSE_AT_MOST))


def shard(account: str) -> int:
    """The shard of Redis that has the account's sessions: 0, 1 or 2. Its id is their hash tag."""
    return bisect_right(_FIRST_SLOTS, crc_hqx(account.encode(), 0) % _SLOTS) - 1
