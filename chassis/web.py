"""The HTTP shell of every service: health, metrics, problem details, and one pass around a request.

The pass is plain ASGI in one layer: at a thousand requests a second, a stack of framework
middlewares costs more than the routes do.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from chassis import metrics
from chassis.context import RequestContext, accept_request_id, current_request
from chassis.problems import (
    DeadlineMissed,
    FieldError,
    InvalidJson,
    InvalidRequest,
    Problem,
    TooLarge,
    UnsupportedBody,
)
from chassis.resilience import Deadline, DeadlineExceeded, ResilienceError, current_deadline
from chassis.trace import Trace

if TYPE_CHECKING:
    from chassis.config import Settings
    from chassis.lifecycle import Lifecycle

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("access")

PROBLEM_JSON = "application/problem+json"
READING = ["GET", "HEAD"]
_SLOW_SECONDS = 1.0
_SERVER_ERROR = 500
_BAD_REQUEST = 400
_ERRORS_TOLD = 20
_TEXT_TOLD = (
    200  # characters of a field's name, which the caller chose, and of what is wrong with it
)
_QUIET = ("/healthz", "/readyz", "/metrics")
# The shell measures and traces; the framework would ask at each request whether it should as well.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def create_app(
    settings: Settings,
    life: Lifecycle,
    *,
    title: str,
    trust_account: bool = True,
    **options: Any,
) -> FastAPI:
    """An app with everything but the routes. `options` go to FastAPI.

    Who listens to the outside does not `trust_account`: there X-Account-Id is anybody's claim.
    """
    app = FastAPI(
        title=title,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would redirect to whatever Host the caller names
        telemetry=_NO_TELEMETRY,
        **options,
    )
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(ResilienceError, _answer_resilience)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)

    @app.api_route("/healthz", methods=READING, include_in_schema=False)
    async def healthz() -> Response:
        return Response("live\n", media_type="text/plain")

    @app.api_route("/readyz", methods=READING, include_in_schema=False)
    async def readyz() -> Response:
        status = 200 if life.ready else 503
        return Response(f"{life.reason}\n", status, media_type="text/plain")

    @app.api_route("/metrics", methods=READING, include_in_schema=False)
    async def prometheus() -> Response:
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE_LATEST)

    app.add_middleware(Shell, settings=settings, trust_account=trust_account)
    return app


STALENESS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "X-Staleness-Ms": {
                "description": "How old the answer may be, in milliseconds",
                "required": True,
                "schema": {"type": "integer", "minimum": 0},
            }
        }
    }
}
"""For a route's description: an answer that says how old it may be (`staleness`)."""


def staleness(seconds: float) -> dict[str, str]:
    """The header that says how old an answer may be, rounded up to whole milliseconds."""
    return {"X-Staleness-Ms": str(math.ceil(seconds * 1000))}


class Shell:
    """Around every request: who asks, how long it may take, how big it may be, how it went."""

    def __init__(self, app: App, settings: Settings, trust_account: bool = True) -> None:
        self._app = app
        self._trust_account = trust_account
        self._served_by = f"{settings.zone}/{settings.instance}".encode()
        self._max_body = settings.max_body_bytes
        self._seconds = settings.request_seconds
        self._sample = settings.access_log_sample

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, from its head to its last byte."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if b"tracestate" in headers:  # the one header here that may come in several lines
            lines = [value for name, value in scope["headers"] if name == b"tracestate"]
            headers[b"tracestate"] = b",".join(lines)
        context = _context(headers, self._trust_account)
        deadline = Deadline.from_header(
            _text(headers, b"x-request-timeout-ms"), default=self._seconds, most=self._seconds
        )
        reply = _Reply(send, context.request_id, self._served_by)
        in_request = current_request.set(context)
        in_deadline = current_deadline.set(deadline)
        metrics.IN_FLIGHT.inc()
        try:
            body = _LimitedBody(receive, headers, self._max_body)
            async with asyncio.timeout(deadline.remaining()):
                await self._app(scope, body, reply)
        except TimeoutError:
            await reply.problem(DeadlineMissed())
        except TooLarge as problem:
            await reply.problem(problem)
        except Exception:
            log.exception("request failed", extra={"path": scope["path"]})
            await reply.problem(Problem())
        finally:
            metrics.IN_FLIGHT.dec()
            self._record(scope, reply.status, time.perf_counter() - began)
            current_deadline.reset(in_deadline)
            current_request.reset(in_request)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        if path in _QUIET:
            return
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"]
        metrics.REQUESTS.labels(method, route, status).inc()
        metrics.REQUEST_SECONDS.labels(method, route).observe(seconds)
        notable = status >= _SERVER_ERROR or seconds > _SLOW_SECONDS
        if notable or random.random() < self._sample:  # noqa: S311 - a sample, not a secret
            log.info(
                "request",
                extra={
                    "method": method,
                    "path": path,
                    "status": status,
                    "ms": round(seconds * 1000, 2),
                },
            )


class _LimitedBody:
    """Receives no more than `limit` bytes, whether their number was announced or not."""

    def __init__(self, receive: Receive, headers: dict[bytes, bytes], limit: int) -> None:
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            raise TooLarge(f"At most {limit} bytes")
        self._receive = receive
        self._left = limit
        self._limit = limit

    async def __call__(self) -> Message:
        """The next message, if it is within the limit."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:  # the framework lets only its own kind of error through from here
                raise HTTPException(TooLarge.status, "Too large")
        return message


class _Reply:
    """Sends the answer on, with our headers, and remembers how it went."""

    def __init__(self, send: Send, request_id: str, served_by: bytes) -> None:
        self._send = send
        self._request_id = request_id
        self._served_by = served_by
        self.status = 499  # the caller left before an answer began (nginx's number for it)

    async def __call__(self, message: Message) -> None:
        """Sends one message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"] = list(message.get("headers", ()))
            served_by = self._served_by
            for i, (name, value) in enumerate(headers):
                if name == b"x-served-by":  # who answered behind us comes first
                    served_by = value + b", " + served_by
                    del headers[i]
                    break
            headers.append((b"x-request-id", self._request_id.encode()))
            headers.append((b"x-served-by", served_by))
        await self._send(message)

    async def problem(self, problem: Problem) -> None:
        """Answers with a problem, unless an answer has begun: then it can only be cut off."""
        if self.status != 499:  # noqa: PLR2004 - see above
            return
        body = problem.body(self._request_id)
        headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", b"%d" % len(body))]
        headers += [(k.lower().encode(), v.encode()) for k, v in problem.headers().items()]
        await self({"type": "http.response.start", "status": problem.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _context(headers: dict[bytes, bytes], trust_account: bool) -> RequestContext:
    trace = Trace.parse(_text(headers, b"traceparent"), _text(headers, b"tracestate"))
    return RequestContext(
        accept_request_id(_text(headers, b"x-request-id")),
        trace.child() if trace else Trace.begin(),
        _text(headers, b"x-account-id") if trust_account else None,
    )


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return value.decode("latin-1") if value is not None else None


async def _answer_problem(_: Request, error: Exception) -> Response:
    problem = error if isinstance(error, Problem) else Problem()
    context = current_request.get()
    return Response(
        problem.body(context.request_id if context else None),
        problem.status,
        problem.headers(),
        PROBLEM_JSON,
    )


async def _answer_resilience(request: Request, error: Exception) -> Response:
    """A guard refused: the caller may come back, and is told when."""
    if isinstance(error, DeadlineExceeded):
        return await _answer_problem(request, DeadlineMissed())
    problem = Problem(str(error), retry_after=getattr(error, "retry_after", None) or 1.0)
    problem.status, problem.type, problem.title = 503, "overloaded", "Too busy for this just now"
    return await _answer_problem(request, problem)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    return await _answer_problem(request, _invalid(errors, request.headers.get("content-type", "")))


def _invalid(errors: Sequence[Any], content_type: str) -> Problem:
    for one in errors:
        if one["type"] == "json_invalid":
            return InvalidJson(f"{one['ctx']['error']}, at character {one['loc'][1]}")
        # The framework hands on as bytes what is not said to be JSON; no body is None.
        if one["loc"] == ("body",) and isinstance(one["input"], bytes) and not _json(content_type):
            return UnsupportedBody(f"Content-Type is {_told(content_type) or 'missing'}")
    told = tuple(
        FieldError(_told(".".join(str(p) for p in e["loc"][1:]) or e["loc"][0]), _told(e["msg"]))
        for e in errors[:_ERRORS_TOLD]
    )
    more = len(errors) - len(told)
    return InvalidRequest(f"{more} more are wrong" if more else "", errors=told)


def _json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))


def _told(text: str) -> str:
    """What a caller gets back of its own words: not much, and no lone surrogates."""
    return text[:_TEXT_TOLD].encode("utf-8", "replace").decode()


async def _answer_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such route, wrong method."""
    problem = Problem()
    if isinstance(error, HTTPException):
        if error.status_code == _BAD_REQUEST and isinstance(
            error.__cause__, (ValueError, RecursionError)
        ):  # of the body: not UTF-8, nested too deeply, a number of thousands of digits
            return await _answer_problem(request, InvalidJson(type(error.__cause__).__name__))
        problem = Problem(str(error.detail))
        problem.status, problem.title = error.status_code, str(error.detail)
        problem.type = str(error.detail).lower().replace(" ", "-")
    response = await _answer_problem(request, problem)
    response.headers.update(getattr(error, "headers", None) or {})
    return response
