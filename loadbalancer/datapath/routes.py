"""Which pool a request is for, by its host and path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadbalancer.pools.pool import Pool


@dataclass(frozen=True, slots=True)
class Route:
    """Matches a host (empty: any) and a path.

    A path that ends with a slash is a prefix; another one stands for itself and what is below it.
    """

    pool: str
    host: str = ""
    path: str = "/"


class Routes:
    """The first route that matches names the pool."""

    def __init__(self, routes: Sequence[Route], pools: dict[str, Pool]) -> None:
        self._table = [
            (r.host.lower().encode(), r.path.encode(), r.path.rstrip("/").encode() + b"/",
             pools[r.pool])
            for r in routes
        ]  # fmt: skip
        takes_all = bool(routes) and not routes[0].host and routes[0].path == "/"
        self.all = pools[routes[0].pool] if takes_all else None
        """Where every request goes, if the first route takes them all."""

    def match(self, host: bytes, target: bytes) -> Pool | None:
        """The pool for a request, None if no route leads anywhere.

        Args:
            host: in lower case, without a port.
            target: with or without its query.
        """
        path = b""
        for wanted, own, below, pool in self._table:
            if wanted and wanted != host:
                continue
            if own == b"/":
                return pool
            path = path or target.partition(b"?")[0]
            if path == own or path.startswith(below):
                return pool
        return None
