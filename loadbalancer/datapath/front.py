"""A listener's view of everything: where requests go, and what all its connections share."""

from __future__ import annotations

import random
import ssl
from collections import defaultdict
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, Final, Protocol

from loadbalancer.pools.idle import Idle
from loadbalancer.wire.body import Body, ChunkedBody, LengthBody
from loadbalancer.wire.fields import REQUEST_KINDS, Lines
from loadbalancer.wire.forwarded import Trust
from loadbalancer.wire.limits import DEFAULT, Limits
from loadbalancer.wire.request import RequestParser

if TYPE_CHECKING:
    from loadbalancer.datapath.routes import Routes
    from loadbalancer.datapath.settings import FrontSettings
    from loadbalancer.datapath.sides import Asker, LinkSide
    from loadbalancer.datapath.tries import Tries
    from loadbalancer.pools.instance import Instance
    from loadbalancer.wire.canonical import Hop
    from loadbalancer.wire.request import RequestHead

Tell = Callable[..., None]
_SERVER_ERROR: Final = 500


class Visitor(Protocol):
    """A connection from outside."""

    due: float
    """When it should have done something."""

    @property
    def busy(self) -> bool:
        """Is there something under way on it, with a time of its own?"""

    @property
    def unsent(self) -> int:
        """Bytes that it has not taken yet."""

    def expired(self, now: float) -> None:
        """`due` has passed, and nothing is under way on it."""

    def leave(self) -> None:
        """Ends it, if nothing is under way on it."""

    def drop(self) -> None:
        """Ends it."""


class Front:
    """Shared by all connections of a listener."""

    def __init__(
        self,
        settings: FrontSettings,
        routes: Routes,
        hop: Hop,
        *,
        served_by: str,
        log_access: Callable[[Tries, float], None],
        limits: Limits = DEFAULT,
    ) -> None:
        self.reconfigure(settings, routes, hop, served_by, limits)
        self.active: set[Tries] = set()
        self.callers: set[Visitor] = set()
        self.context: ssl.SSLContext | None = None
        """For TLS."""
        self.draining = False
        self.rejected = 0
        """Requests that reached no pool: not understood, too big, without a route."""
        self.statuses: defaultdict[int, int] = defaultdict(int)
        """Answers by status."""
        self.tunnels: dict[str, int] = {}
        """Connections in mode tcp that are over, by how they ended."""
        self.dial: Callable[[Instance, Asker], Callable[[], object]]
        """Opens a connection, and gives what ends the attempt; set by who has the sockets."""
        self.pooled: Callable[[Instance], LinkSide | None]
        """An idle connection to an instance, if there is one; set by who has the sockets."""
        self._log_access = log_access
        self.log_left = settings.access_log_lines
        """Lines of the access log that may still be written in this second."""
        self.unlogged = 0
        """Lines that were not, since there would have been too many."""

    def reconfigure(
        self, settings: FrontSettings, routes: Routes, hop: Hop, served_by: str, limits: Limits
    ) -> None:
        """Another configuration, for the next request of every connection.

        But for how big a head may be: that is so for the next connection.
        """
        self.settings = settings
        self.idle_time = Idle(settings.idle)
        self.routes = routes
        self.hop = hop
        self.served_by = served_by
        self.limits = limits
        upgrades = frozenset(name.lower().encode() for name in settings.upgrades)
        self.parser = RequestParser(limits, upgrades)
        self.trailers = Lines(REQUEST_KINDS)
        self.trust = Trust(settings.trusted)

    @property
    def address(self) -> tuple[str, int]:
        """Where it accepts."""
        return self.settings.host, self.settings.port

    def tick(self) -> None:
        """To be called once a second."""
        self.log_left = self.settings.access_log_lines
        self.hop.tell_time(time())

    def body_of(self, head: RequestHead) -> Body:
        """Reads the body of a request that has one."""
        if head.length is None:
            return ChunkedBody(self.limits, self.trailers, limit=self.limits.body)
        return LengthBody(head.length)

    def ended(self, exchange: Tries, now: float) -> None:
        """Every exchange comes by here once."""
        status = exchange.status
        self.statuses[status] += 1
        if status >= _SERVER_ERROR:
            exchange.pool.errors += 1
        sample = self.settings.access_log_sample
        if sample and (status >= _SERVER_ERROR or random.random() < sample):  # noqa: S311 - a sample
            if self.log_left:
                self.log_left -= 1
                self._log_access(exchange, now)
            else:
                self.unlogged += 1
