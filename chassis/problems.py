"""Errors that a caller sees, as problem details (RFC 9457).

Problem
├── BadRequest       400  no HTTP that anything could be made of
├── InvalidJson      422  the body is no JSON at all
├── UnsupportedBody  415  the body is not said to be JSON
├── InvalidRequest   422  which field, and why
├── Unauthorized     401
├── NotFound         404
├── Conflict         409
├── TooLarge         413
├── TooMany          429  with Retry-After
├── UnknownMethod    501  a method that nobody here has heard of
├── Unavailable      503  with Retry-After: a store or a peer is away
└── DeadlineMissed   504
A service's own errors subclass these in its errors.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of the request that was wrong."""

    field: str
    message: str


class Problem(Exception):
    """An error with a decided answer. `type` is a short name that callers may rely on."""

    status = 500
    type = "internal-error"
    title = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: float | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        """`retry_after` is in seconds; it is rounded up to whole ones, as the header wants."""
        super().__init__(detail or self.title)
        self.detail = detail
        self.retry_after = retry_after
        self.errors = errors

    def body(self, request_id: str | None = None) -> bytes:
        """The answer's body, application/problem+json."""
        fields: dict[str, object] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
        }
        if request_id:
            fields["request_id"] = request_id
        if self.errors:
            fields["errors"] = [{"field": e.field, "message": e.message} for e in self.errors]
        return orjson.dumps(fields)

    def headers(self) -> dict[str, str]:
        """What goes with the body."""
        if self.retry_after is None:
            return {}
        return {"Retry-After": str(max(1, math.ceil(self.retry_after)))}


class BadRequest(Problem):
    status, type, title = 400, "bad-request", "This is not a request"


class InvalidJson(Problem):
    status, type, title = 422, "invalid-json", "The request's body is not JSON"


class UnsupportedBody(Problem):
    status, type, title = 415, "unsupported-media-type", "Send JSON, as application/json"


class InvalidRequest(Problem):
    status, type, title = 422, "invalid-request", "The request has a field that cannot be used"


class Unauthorized(Problem):
    status, type, title = 401, "unauthorized", "Sign in first"

    def headers(self) -> dict[str, str]:
        """With a challenge, as RFC 9110 (section 15.5.2) asks."""
        return {**super().headers(), "WWW-Authenticate": "Bearer"}


class NotFound(Problem):
    status, type, title = 404, "not-found", "There is no such thing here"


class Conflict(Problem):
    status, type, title = 409, "conflict", "This cannot be done as things stand"


class TooLarge(Problem):
    status, type, title = 413, "too-large", "The request's body is too large"


class TooMany(Problem):
    status, type, title = 429, "too-many-requests", "Slow down"


class UnknownMethod(Problem):
    status, type, title = 501, "method-not-implemented", "There is no such method"


class Unavailable(Problem):
    status, type, title = 503, "unavailable", "A part that this needs is away; try again"

    def __init__(self, detail: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(detail, retry_after=retry_after)


class DeadlineMissed(Problem):
    status, type, title = 504, "deadline-missed", "No answer in the time that there was"
