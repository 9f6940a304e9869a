"""What one look at the cluster found, each part on its own: plain data, no I/O.

A part that did not answer is a `Gone` with the reason, and nothing else is missing for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Gone:
    """It did not answer, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class InstanceSeen:
    """An instance as one balancer tells of it; counters since that balancer's start."""

    name: str
    address: str = ""
    zone: str = "?"
    state: str = "gone"
    reason: str = ""
    since_s: float = 0.0
    in_flight: int = 0
    errors: int = 0
    retries: int = 0
    rps: float = 0.0
    p99_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class PoolSeen:
    """A pool as one balancer tells of it; counters since that balancer's start."""

    name: str
    policy: str
    panic: bool
    instances: tuple[InstanceSeen, ...]
    requests: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class BalancerSeen:
    """A balancer's own word about itself."""

    name: str
    zone: str
    region: str
    uptime_s: float
    pools: tuple[PoolSeen, ...]


@dataclass(frozen=True, slots=True)
class KafkaSeen:
    """Brokers alive by host name, each group's lag in events, dead letters not yet sent back."""

    brokers: frozenset[str]
    lag: dict[str, int]
    dead_letters: int


@dataclass(frozen=True, slots=True)
class RedisMember:
    """A member of the Redis cluster as another one sees it."""

    name: str
    zone: str
    primary: bool
    well: bool
    slots: int
    follows: str | None


@dataclass(frozen=True, slots=True)
class RedisSeen:
    """The Redis cluster by the word of one member.

    `state` is `ok` where that member reaches most of the primaries, and all slots have one.
    """

    state: str
    members: tuple[RedisMember, ...]


@dataclass(frozen=True, slots=True)
class PostgresSeen:
    """A Postgres server that answered: `primary` or `replica`.

    A primary also knows which server its commits wait for, as `synchronous_standby_names` says it.
    """

    role: str
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look. `breakers` are those that are not closed, by instance: name to state."""

    time: float
    balancers: dict[str, BalancerSeen | Gone] = field(default_factory=dict)
    breakers: dict[str, dict[str, str]] = field(default_factory=dict)
    kafka: KafkaSeen | Gone = field(default_factory=lambda: Gone("not asked yet"))
    brokers: tuple[str, ...] = ()
    redis: RedisSeen | Gone = field(default_factory=lambda: Gone("not asked yet"))
    postgres: dict[str, PostgresSeen | Gone] = field(default_factory=dict)


def read_state(state: dict[str, Any]) -> BalancerSeen:
    """Reads a balancer's GET /state. Fields it does not know are ignored, missing ones are 0."""
    return BalancerSeen(
        name=state["instance"],
        zone=state.get("zone", "?"),
        region=state.get("region", ""),
        uptime_s=state.get("uptime_s", 0.0),
        pools=tuple(_pool(name, pool) for name, pool in state.get("pools", {}).items()),
    )


def _pool(name: str, pool: dict[str, Any]) -> PoolSeen:
    fields = InstanceSeen.__dataclass_fields__
    instances = (
        InstanceSeen(**{k: v for k, v in one.items() if k in fields and v is not None})
        for one in pool.get("instances", ())
    )
    return PoolSeen(
        name,
        pool.get("policy", ""),
        bool(pool.get("panic")),
        tuple(instances),
        pool.get("requests", 0),
        pool.get("retries", 0),
    )


_BREAKER_STATES = {"0": "closed", "1": "half-open", "2": "open"}


def read_breakers(exposition: str) -> dict[str, str]:
    """All breakers in a process's metrics: name to closed, half-open or open."""
    found = {}
    for line in exposition.splitlines():
        if line.startswith("breaker_state{"):
            labels, _, value = line.rpartition(" ")
            name = labels.partition('name="')[2].partition('"')[0]
            found[name] = _BREAKER_STATES.get(value.split(".")[0], "?")
    return found


def read_cluster_nodes(text: str) -> tuple[RedisMember, ...]:
    """Reads CLUSTER NODES; members are named by their announced host, zones by that name."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    names = {words[0]: _member_name(words[1]) for words in lines}
    return tuple(
        RedisMember(
            name=names[words[0]],
            zone=_zone(names[words[0]]),
            primary="master" in words[2],
            well="fail" not in words[2] and "noaddr" not in words[2],
            slots=sum(_slots(word) for word in words[8:]),
            follows=names.get(words[3]),
        )
        for words in lines
        if "handshake" not in words[2]
    )


def _member_name(where: str) -> str:
    """`redis-a-1` of `172.21.0.4:6379@16379,holdfast-redis-a-1`; without a name the address."""
    address, _, host = where.partition(",")
    _, redis, rest = host.partition(",")[0].rpartition("redis-")
    return redis + rest or address.partition(":")[0]


def _zone(name: str) -> str:
    parts = name.split("-")
    return parts[1] if len(parts) == 3 else "?"  # noqa: PLR2004  redis, zone, number


def _slots(word: str) -> int:
    if word.startswith("["):  # on its way to another member
        return 0
    first, _, last = word.partition("-")
    return int(last or first) - int(first) + 1
