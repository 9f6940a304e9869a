"""What is written about one request: where its time went, and the tries that were made."""

from __future__ import annotations

from typing import Any

from loadbalancer.datapath.tries import Tries


def line(request: Tries, now: float) -> dict[str, Any]:
    """The fields of its line in the access log. Times in milliseconds.

    `phases` are those that it came to: `receive` its body, `queue` for a place in the pool,
    `connect` and `first_byte` of the last try, `answer` from there to the end.
    """
    head, instance = request.head, request.instance
    tries = list(request.past)
    if instance is not None:
        answered = bool(request.answered_at)
        tries.append((instance.name, f"status {request.status}" if answered else "no answer",
                      now - request.tried_at))  # fmt: skip
    return {
        "method": head.method.decode(),
        "host": head.host.decode("latin-1"),
        "target": head.target.decode("latin-1"),
        "status": request.status,
        "client": request.client.decode("latin-1"),
        "pool": request.pool.name,
        "to": instance.name if instance else "",
        "ms": _ms(now - request.began),
        "phases": {name: _ms(seconds) for name, seconds in _phases(request, now)},
        "tries": [{"instance": n, "outcome": o, "ms": _ms(seconds)} for n, o, seconds in tries],
        "request_id": request.request_id.decode(),
    }


def _phases(request: Tries, now: float) -> list[tuple[str, float]]:
    marks = [
        ("receive", request.began, request.admitted_at),
        ("queue", request.admitted_at, request.placed_at),
        ("connect", request.tried_at, request.sent_at),
        ("first_byte", request.sent_at, request.answered_at),
        ("answer", request.answered_at, now),
    ]
    return [(name, until - since) for name, since, until in marks if until and since]


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 2)
