"""What both balancers say, made one: pure. What a person reads, not how it looks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from loadtests.watch.seen import BalancerSeen, Gone, InstanceSeen, KafkaSeen, RedisSeen, Seen

# From best to worst: where two balancers differ, the worse word is shown, with whose it is.
STATES = ("up", "draining", "failing", "ejected", "gone")
_WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class BalancerRow:
    """A balancer; `reason` says why where it is not up."""

    name: str
    up: bool
    reason: str
    uptime_s: float


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance by the word of all balancers. Errors and retries are of the last minute."""

    name: str
    zone: str
    state: str
    reason: str
    rps: float
    in_flight: int
    errors: int
    retries: int
    p99_ms: float


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A pool; `panic` when a balancer uses even what it thinks is down."""

    name: str
    policy: str
    panic: bool
    instances: tuple[InstanceRow, ...]

    @property
    def up(self) -> int:
        """How many are up."""
        return sum(one.state == "up" for one in self.instances)

    @property
    def rps(self) -> float:
        """Requests a second, all together."""
        return sum(one.rps for one in self.instances)

    @property
    def errors(self) -> int:
        """In the last minute."""
        return sum(one.errors for one in self.instances)

    @property
    def retries(self) -> int:
        """In the last minute."""
        return sum(one.retries for one in self.instances)

    @property
    def in_flight(self) -> int:
        """Requests being answered."""
        return sum(one.in_flight for one in self.instances)

    @property
    def p99_ms(self) -> float:
        """The slowest instance's."""
        return max((one.p99_ms for one in self.instances), default=0.0)


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the view shows."""

    region: str
    balancers: tuple[BalancerRow, ...]
    pools: tuple[PoolRow, ...]
    seen: Seen

    @property
    def kafka(self) -> KafkaSeen | Gone:
        """Brokers and lag."""
        return self.seen.kafka

    @property
    def redis(self) -> RedisSeen | Gone:
        """The cluster's members."""
        return self.seen.redis

    @property
    def breakers(self) -> dict[str, list[str]]:
        """Those that are not closed: `name state` to the instances that hold it so."""
        found: dict[str, list[str]] = {}
        for instance, held in sorted(self.seen.breakers.items()):
            for name, state in held.items():
                if state != "closed":
                    found.setdefault(f"{name} {state}", []).append(instance)
        return found

    @property
    def breakers_in_all(self) -> int:
        """Open or not."""
        return sum(map(len, self.seen.breakers.values()))


class Watcher:
    """Remembers a minute of looks, so that counters become numbers of that minute."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], deque[tuple[float, int, int]]] = {}

    def picture(self, seen: Seen) -> Picture:
        """The picture after this look."""
        alive = [b for b in seen.balancers.values() if isinstance(b, BalancerSeen)]
        pools: dict[str, list[tuple[BalancerSeen, InstanceSeen]]] = {}
        policies: dict[str, tuple[str, bool]] = {}
        for balancer in alive:
            for pool in balancer.pools:
                pools.setdefault(pool.name, [])
                panic = policies.get(pool.name, ("", False))[1] or pool.panic
                policies[pool.name] = pool.policy, panic
                pools[pool.name] += [(balancer, instance) for instance in pool.instances]
        return Picture(
            region=next((b.region for b in alive), ""),
            balancers=tuple(_balancer(name, b) for name, b in seen.balancers.items()),
            pools=tuple(
                PoolRow(name, *policies[name], self._rows(seen.time, told))
                for name, told in sorted(pools.items(), key=lambda pool: _order(pool[0]))
            ),
            seen=seen,
        )

    def _rows(
        self, now: float, told: list[tuple[BalancerSeen, InstanceSeen]]
    ) -> tuple[InstanceRow, ...]:
        by_name: dict[str, list[tuple[BalancerSeen, InstanceSeen]]] = {}
        for balancer, instance in told:
            by_name.setdefault(instance.name, []).append((balancer, instance))
        return tuple(self._row(now, name, by_name[name]) for name in sorted(by_name))

    def _row(
        self, now: float, name: str, told: list[tuple[BalancerSeen, InstanceSeen]]
    ) -> InstanceRow:
        worst_of, worst = max(told, key=lambda pair: _badness(pair[1].state))
        reason = worst.reason if worst.state != "up" else ""
        if len({instance.state for _, instance in told}) > 1:
            reason = f"{worst_of.name}: {reason or worst.state}"
        counts = [self._of_the_minute(now, balancer.name, one) for balancer, one in told]
        return InstanceRow(
            name=name,
            zone=worst.zone,
            state=worst.state,
            reason=reason,
            rps=sum(one.rps for _, one in told),
            in_flight=sum(one.in_flight for _, one in told),
            errors=sum(errors for errors, _ in counts),
            retries=sum(retries for _, retries in counts),
            p99_ms=max(one.p99_ms for _, one in told),
        )

    def _of_the_minute(self, now: float, balancer: str, one: InstanceSeen) -> tuple[int, int]:
        history = self._counts.setdefault((balancer, one.name), deque())
        if history and (one.errors < history[-1][1] or one.retries < history[-1][2]):
            history.clear()  # the balancer was started anew and counts from 0
            history.append((now, 0, 0))
        history.append((now, one.errors, one.retries))
        while len(history) > 1 and now - history[1][0] >= _WINDOW_SECONDS:
            history.popleft()
        return one.errors - history[0][1], one.retries - history[0][2]


def _balancer(name: str, seen: BalancerSeen | Gone) -> BalancerRow:
    if isinstance(seen, Gone):
        return BalancerRow(name, up=False, reason=seen.reason, uptime_s=0.0)
    return BalancerRow(name, up=True, reason="", uptime_s=seen.uptime_s)


def _badness(state: str) -> int:
    return STATES.index(state) if state in STATES else len(STATES)


def _order(pool: str) -> tuple[bool, str]:
    """The gateway first: what comes in there goes on to the others."""
    return pool != "gateway", pool


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a balancer sees differently; the first of it began `ago` seconds ago."""

    what: str
    ago: float = 0.0


def changes(before: BalancerSeen | Gone | None, now: BalancerSeen | Gone) -> list[Change]:
    """What changed between two words of a balancer, instances of one fate together, in order."""
    if isinstance(now, Gone):
        return [] if isinstance(before, Gone) else [Change(f"does not answer: {now.reason}")]
    known = _named(before) if isinstance(before, BalancerSeen) else {}
    found: dict[tuple[str, str], list[InstanceSeen]] = {}
    for name, one in _named(now).items():
        if before is not None and (name not in known or known[name].state != one.state):
            reason = one.reason if one.state != "up" else ""
            found.setdefault((one.state, reason), []).append(one)
    for name in known.keys() - _named(now).keys():
        found.setdefault(("gone", "no longer found"), []).append(replace(known[name], since_s=0.0))
    told = [
        Change(
            f"{', '.join(sorted(one.name for one in group))} {state}"
            + (f" ({reason})" if reason else ""),
            max(one.since_s for one in group),
        )
        for (state, reason), group in found.items()
    ]
    back = [Change("answers again")] if isinstance(before, Gone) else []
    return back + sorted(told, key=lambda change: -change.ago)


def _named(balancer: BalancerSeen) -> dict[str, InstanceSeen]:
    """Instances by name. One whose name is not known yet goes by its address, and is left out."""
    return {
        one.name: one for pool in balancer.pools for one in pool.instances if ":" not in one.name
    }
