"""One instance as a pool sees it: the sum of all that is known about it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from loadbalancer.config.texts import joined
from loadbalancer.observe.meters import Meter
from loadbalancer.pools.affinity import token
from loadbalancer.pools.budget import Grace
from loadbalancer.pools.checks import ActiveCheck
from loadbalancer.pools.ejection import Ejection
from loadbalancer.pools.idle import Idle
from loadbalancer.pools.settings import PoolSettings

_FIRST_SHARE = 0.1
"""Less would hardly be noticed as a start (Envoy's minimum weight)."""


class State(Enum):
    """What people see; only `up` gets work while anything is up."""

    UP = "up"
    FAILING = "failing"
    EJECTED = "ejected"
    DRAINING = "draining"
    GONE = "gone"


class Listing(Enum):
    """What discovery says."""

    LISTED = "listed"
    DOUBTED = "doubted"
    """Its name has no address at all now. Perhaps the name service is wrong: the check decides."""
    DROPPED = "dropped"
    """Its name has other addresses now: it is out for good."""


class Closable(Protocol):
    """A pooled connection."""

    def close(self) -> None:
        """Closes it."""


class Instance:
    """An address, its name and zone, what the checks know, and what it is doing now."""

    __slots__ = ("_name", "answered", "busy_since", "check", "connections", "drained", "ejection",
                 "grace", "host", "idle", "idle_time", "in_flight", "listed_weight", "listing",
                 "meter", "patience", "port", "reason", "share", "since", "source", "state",
                 "token", "weight", "zone")  # fmt: skip

    def __init__(
        self, host: str, port: int, settings: PoolSettings, *, zone: str = "", weight: int = 1,
        source: str = "",
    ) -> None:  # fmt: skip
        """`source` is the name that discovery found it by."""
        self.host = host
        self.port = port
        self.zone = zone
        self.weight = self.listed_weight = weight
        self.share = float(weight)
        """Its weight, less while it starts slowly."""
        self.token = token(self.address)
        self.source = source
        self._name = ""
        self.listing = Listing.LISTED
        self.drained = False
        self.check = ActiveCheck(settings.check)
        self.ejection = Ejection(settings.eject)
        self.grace = Grace()
        self.in_flight = 0
        self.busy_since = 0.0
        """When it was given work and had none; it has had some ever since, if any is under way."""
        self.answered = 0.0
        """When the newest of all requests that it has answered was sent to it."""
        self.connections = 0
        self.idle: list[Closable] = []
        self.idle_time = Idle(settings.idle)
        self.meter = Meter()
        self.patience = settings.try_seconds
        """Seconds for a try on it, where another instance may be tried instead."""
        self.state = State.FAILING
        self.reason = self.check.reason
        self.since = 0.0

    def reconfigure(self, settings: PoolSettings) -> None:
        """New settings of its pool; what is known of it stays."""
        self.check.settings = settings.check
        self.ejection.settings = settings.eject
        self.idle_time = Idle(settings.idle)

    @property
    def address(self) -> str:
        """Host and port."""
        return joined(self.host, self.port)

    @property
    def name(self) -> str:
        """What it calls itself; before it was asked, its address."""
        return self._name or self.address

    @property
    def named(self) -> bool:
        """Has it told its name?"""
        return bool(self._name)

    def rename(self, name: str) -> None:
        """It told its name."""
        self._name = name

    def ramp(self, now: float, slow_start: float) -> None:
        """Its share by now: from a tenth of its weight to all of it, in so many seconds."""
        grown = 1.0
        if slow_start and self.state is State.UP:
            grown = min(1.0, max(_FIRST_SHARE, (now - self.since) / slow_start))
        self.share = self.weight * grown

    def late(self, now: float) -> bool:
        """Has it work, and answered nothing that was sent to it within its patience?"""
        return self.in_flight > 0 and now - max(self.answered, self.busy_since) > self.patience

    def judge(self) -> tuple[State, str]:
        """The state that follows from all that is known, and why."""
        if self.listing is Listing.DROPPED:
            return State.DRAINING if self.in_flight else State.GONE, "left discovery"
        if self.drained:
            return State.DRAINING, "by hand"
        if self.check.draining:
            return State.DRAINING, self.check.reason
        if not self.check.ready:
            gone = self.listing is Listing.DOUBTED
            return State.GONE if gone else State.FAILING, self.check.reason
        if self.ejection.active:
            return State.EJECTED, self.ejection.reason
        return State.UP, ""
