"""What the outside may call, and who answers. The table at the bottom is all of it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chassis.problems import NotFound
from gateway.errors import MethodNotAllowed

PREFIX = "/api/v1"

_PARAMETER = re.compile(r"\{\w+\}")
_SEGMENT = r"[A-Za-z0-9_-]{1,64}"  # an id; nothing that a path could be bent with


@dataclass(frozen=True, slots=True)
class Route:
    """One public call. `path` is as the service knows it, without the prefix.

    Attributes:
        session: only for who is signed in; the service is told the account.
        token: the service is handed the caller's token itself.
    """

    method: str
    path: str
    service: str
    session: bool = False
    token: bool = False

    @property
    def shape(self) -> str:
        """The path without the names of its parameters: two that differ only there are one."""
        return _PARAMETER.sub("{}", self.path)


@dataclass(frozen=True, slots=True)
class Matched:
    """A route that was found. `path` is the name that metrics know it by."""

    route: Route
    path: str


class Table:
    """Finds the route of a request: a fixed path by one look-up, a path with an id by trying."""

    def __init__(self, routes: list[Route]) -> None:
        self._fixed: dict[str, dict[str, Matched]] = {}
        patterns: dict[str, dict[str, Matched]] = {}
        for route in routes:
            known = self._fixed if route.path == route.shape else patterns
            methods = known.setdefault(route.shape, {})
            methods[route.method] = Matched(route, PREFIX + route.path)
        self._patterns = [
            (re.compile(shape.replace("{}", _SEGMENT)), methods)
            for shape, methods in patterns.items()
        ]

    def match(self, method: str, path: str) -> Matched:
        """The route of `path` (as sent, still percent-encoded, without the prefix).

        Raises:
            NotFound: there is no such path.
            MethodNotAllowed: there is, with other methods.
        """
        methods = self._fixed.get(path) or self._by_pattern(path)
        if methods is None:
            raise NotFound("There is no such path")
        matched = methods.get("GET" if method == "HEAD" else method)
        if matched is None:
            raise MethodNotAllowed(methods)
        return matched

    def _by_pattern(self, path: str) -> dict[str, Matched] | None:
        for pattern, methods in self._patterns:
            if pattern.fullmatch(path):
                return methods
        return None


ROUTES = [
    Route("POST", "/accounts", "sessions"),
    Route("POST", "/sessions", "sessions"),
    Route("DELETE", "/sessions", "sessions", session=True),
    Route("DELETE", "/sessions/current", "sessions", token=True),
    Route("GET", "/shows", "catalog"),
    Route("GET", "/shows/{id}", "catalog"),
    Route("POST", "/orders", "orders", session=True),
    Route("GET", "/orders", "orders", session=True),
    Route("GET", "/orders/{id}", "orders", session=True),
    Route("GET", "/tickets/keys", "tickets"),
    Route("GET", "/tickets/verify", "tickets"),
    Route("GET", "/tickets/{order_id}", "tickets", session=True),
]
