"""One user's way in: keeps a connection to an edge, and goes to the other one when it must.

It speaks through geventhttpclient, the engine under Locust's FastHttpUser, without that class's
session: there an attempt is a request, here all attempts of a request are one, with one time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import gevent
import orjson
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPParseError, HTTPSocketPoolResponse

from loadtests.failover import Again, Edges, Limits, after

API = "/api/v1"
_ASK_EVERY_SECONDS = 0.5


class RequestFailed(Exception):
    """A request that ended otherwise than it should; the message groups it in the report."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The last attempt's answer. Status 0: there was none."""

    status: int
    body: bytes = b""
    etag: str | None = None
    retry_after: float | None = None
    error: str = ""

    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)

    @property
    def problem(self) -> str:
        """The type of the problem details, or what went wrong on the way."""
        if self.error:
            return self.error
        try:
            return str(orjson.loads(self.body).get("type", ""))
        except (orjson.JSONDecodeError, AttributeError):
            return ""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    payload: bytes
    headers: dict[str, str]


@dataclass
class Shared:
    """What all clients of a run have in common."""

    urls: tuple[str, ...]
    request_event: Any
    limits: Limits = field(default_factory=Limits)
    marks: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.edges = Edges(len(self.urls))

    def connect(self, edge: int) -> HTTPClient:
        """A client of its own for this edge."""
        return HTTPClient.from_url(
            self.urls[edge],
            concurrency=1,
            connection_timeout=self.limits.connect,
            network_timeout=self.limits.attempt,
        )

    def failed(self, edge: int) -> None:
        """It did not answer: from now on somebody asks it, beside the requests, until it does."""
        if self.edges.failed(edge):
            gevent.spawn(self._await, edge)

    def _await(self, edge: int) -> None:
        while True:
            try:
                limit = gevent.Timeout(self.limits.connect, TimeoutError())
                with limit, closing(self.connect(edge)) as client:
                    client.get("/healthz").read()
            except (OSError, HTTPParseError):
                gevent.sleep(_ASK_EVERY_SECONDS)
            else:
                self.edges.worked(edge)
                return


class EdgeClient:
    """Requests of one user, one at a time."""

    def __init__(self, shared: Shared, home: int) -> None:
        self._shared = shared
        self._home = home % len(shared.urls)
        self._clients: dict[int, HTTPClient] = {}

    def send(
        self,
        method: str,
        path: str,
        *,
        name: str,
        expect: Collection[int],
        body: dict[str, Any] | None = None,
        **headers: str | None,
    ) -> Reply:
        """Sends until there is an answer or the whole deadline is over, and reports one request.

        Args:
            method: HTTP method.
            path: below /api/v1.
            name: under which Locust counts it.
            expect: statuses that are no failure.
            body: sent as JSON.
            headers: such as `idempotency_key`; those that are None are left out.
        """
        fields = {k.replace("_", "-"): v for k, v in headers.items() if v is not None}
        payload = b""
        if body is not None:
            payload = orjson.dumps(body)
            fields["content-type"] = "application/json"
        begun = time.time()
        started = time.monotonic()
        reply, gave_up = self._attempts(_Request(method, API + path, payload, fields), started)
        failure = None
        if gave_up or reply.status not in expect:
            failure = RequestFailed(f"{reply.status or 'no answer'} {reply.problem}".rstrip())
        self._shared.request_event.fire(
            request_type=method,
            name=name,
            response_time=(time.monotonic() - started) * 1000,
            response_length=len(reply.body),
            response=None,
            context={},
            exception=failure,
            start_time=begun,
            url=path,
        )
        return reply

    def _attempts(self, request: _Request, started: float) -> tuple[Reply, bool]:
        shared, attempts, avoid = self._shared, 0, list[int]()
        while True:
            edge = shared.edges.choose(self._home, avoid)
            left = shared.limits.whole - (time.monotonic() - started)
            reply = self._attempt(edge, request, left)
            attempts += 1
            if not reply.status:
                shared.failed(edge)
            elapsed = time.monotonic() - started
            step = after(reply.status, reply.retry_after, attempts, elapsed, shared.limits)
            if not isinstance(step, Again):
                return reply, step.gave_up
            shared.marks[step.why] += 1
            avoid = [edge] if step.other_edge and len(shared.urls) > 1 else []
            gevent.sleep(step.wait)

    def _attempt(self, edge: int, request: _Request, left: float) -> Reply:
        client = self._clients.get(edge)
        if client is None:
            client = self._clients[edge] = self._shared.connect(edge)
        try:
            with gevent.Timeout(min(self._shared.limits.attempt, left), TimeoutError("timed out")):
                response = client.request(
                    request.method, request.path, request.payload, request.headers
                )
                return _reply(response, response.read())
        except (OSError, HTTPParseError) as error:
            # Nothing of a broken connection may reach the next request.
            del self._clients[edge]
            client.close()
            return Reply(0, error=type(error).__name__)


def _reply(response: HTTPSocketPoolResponse, body: bytes) -> Reply:
    wait = response.get("retry-after")
    etag = response.get("etag")
    return Reply(
        status=response.get_code(),
        body=body,
        etag=etag if isinstance(etag, str) else None,
        retry_after=float(wait) if isinstance(wait, str) and wait.isdigit() else None,
    )
