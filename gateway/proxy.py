"""The way of a request through the gateway: route, session, limit, forward.

Plain ASGI below the shell: this is the path of every request, and a framework's routing and
request objects would cost more than all it does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chassis.context import current_request
from chassis.mesh import MeshClient, Reply
from chassis.problems import Problem, Unauthorized
from chassis.session import Sessions
from gateway.config import GatewaySettings
from gateway.decisions import Limit, client_address, find_token
from gateway.limits import Limiter
from gateway.routes import PREFIX, ROUTES, Route, Table

if TYPE_CHECKING:
    from chassis.web import Receive, Scope, Send

# What a service may know of the request. All else stays outside: credentials, addresses, cookies.
_PASSED_IN = {
    b"accept": "Accept",
    b"accept-language": "Accept-Language",
    b"content-type": "Content-Type",
    b"idempotency-key": "Idempotency-Key",
    b"if-none-match": "If-None-Match",
}
# What belongs to the hop behind us, or what the shell and the server say themselves.
_KEPT_BACK = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-request-id",
    }
)
_BODYLESS = frozenset({204, 304})


class Disconnected(Exception):
    """The caller left while sending the body."""


class Proxy:
    """An ASGI app: answers everything under the prefix."""

    def __init__(
        self, settings: GatewaySettings, mesh: MeshClient, sessions: Sessions, limiter: Limiter
    ) -> None:
        self._mesh = mesh
        self._sessions = sessions
        self._limiter = limiter
        self._table = Table(ROUTES)
        self._trusted_hops = settings.trusted_hops
        self._of_address = Limit(settings.address_rate, settings.address_burst)
        self._of_account = Limit(settings.account_rate, settings.account_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request.

        Raises:
            Problem: what the gateway refuses; the shell answers it.
        """
        path = scope["raw_path"].decode("latin-1")[len(PREFIX) :]
        method: str = scope["method"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            matched = self._table.match(method, path)
        except Problem:  # to be told so is an answer like any other: it counts
            await self.admit_address(headers, scope)
            raise
        scope["route"] = matched  # the shell's metrics go by its name
        route = matched.route

        token = _token(headers) if route.session or route.token else None
        await self._admit(route, token, headers, scope)
        if query := scope["query_string"]:
            path = f"{path}?{query.decode('latin-1')}"
        try:
            body = await _body(headers, receive)
        except Disconnected:
            return
        reply = await self._mesh.call(
            route.service, route.method, path, headers=_inward(headers, route, token), body=body
        )
        await _answer(reply, send)

    async def _admit(
        self, route: Route, token: str | None, headers: dict[bytes, bytes], scope: Scope
    ) -> None:
        """Finds out who calls and whether they may."""
        account = await self._sessions.check(token) if route.session and token else None
        if account is not None:
            await self._limiter.admit(f"account:{account}", self._of_account)
            context = current_request.get()
            if context is not None:
                current_request.set(replace(context, account_id=account))
            return
        await self.admit_address(headers, scope)
        if route.session:
            raise Unauthorized

    async def admit_address(self, headers: dict[bytes, bytes], scope: Scope) -> None:
        """Admits a request of nobody in particular.

        Raises:
            TooMany: its address has sent too many.
        """
        peer = scope["client"][0] if scope.get("client") else "unknown"
        forwarded = headers.get(b"x-forwarded-for")
        address = client_address(
            forwarded.decode("latin-1") if forwarded else None, peer, self._trusted_hops
        )
        await self._limiter.admit(f"address:{address}", self._of_address)


def _token(headers: dict[bytes, bytes]) -> str | None:
    authorization, cookie = headers.get(b"authorization"), headers.get(b"cookie")
    return find_token(
        authorization.decode("latin-1") if authorization else None,
        cookie.decode("latin-1") if cookie else None,
    )


def _inward(headers: dict[bytes, bytes], route: Route, token: str | None) -> dict[str, str]:
    inward = {
        name: headers[sent].decode("latin-1")
        for sent, name in _PASSED_IN.items()
        if sent in headers
    }
    if route.token and token:
        inward["Authorization"] = f"Bearer {token}"
    return inward


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        return None
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _answer(reply: Reply, send: Send) -> None:
    headers = []
    for name, value in reply.headers.items():
        lower = name.lower()
        if lower in _KEPT_BACK:
            continue
        outward = PREFIX + value if lower == "location" and value.startswith("/") else value
        headers.append((lower.encode("latin-1"), outward.encode("latin-1")))
    if reply.status not in _BODYLESS:
        headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
