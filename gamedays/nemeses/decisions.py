"""Whom a step hits, and by which commands: pure. Chance comes in from outside, by a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gamedays.scenario import Do, Step

ROLES = {
    "primary of redis": "redis",
    "leader of kafka": "kafka",
    "controller of kafka": "kafka",
    "primary of postgres": "postgres",
    "standby of postgres": "postgres",
    "synchronous standby of postgres": "postgres",
}
"""Targets that somebody must be asked for at the moment; of several, one is drawn."""

WHO_WAS = "who was "
"""`who was split`: those that the last step of that kind hit. `who was primary of postgres`: who
had that part when a step before last asked for any.
"""

STORES = frozenset({"kafka", "redis", "etcd", "postgres"})
"""Programs whose members hold copies: one that is back may still lack what it missed."""

FAULT_SCRIPT = "scripts/fault.sh"

_NUMBERED = re.compile(r"(.+)-([abc])-(\d+)")


class TargetUnknown(ValueError):
    """A step names what is not there; the message says what is."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A container of the cluster, as `fault.sh list` tells of it."""

    name: str
    zone: str
    state: str = "running"

    @property
    def program(self) -> str:
        """`orders` of orders-a-1, `redis` of redis-b-2."""
        match = _NUMBERED.fullmatch(self.name)
        return match[1] if match else self.name


@dataclass(frozen=True, slots=True)
class Act:
    """What to run, one command after the other, and which instances it is about.

    `whole`: after each healing the stores must have all their copies before it goes on.
    """

    commands: tuple[tuple[str, ...], ...]
    targets: tuple[str, ...] = ()
    notes: dict[str, float] = field(default_factory=dict)
    whole: bool = False


Census = Sequence[Instance]
Roles = Mapping[str, Sequence[str]]


def read_census(listing: str) -> list[Instance]:
    """Reads `fault.sh list`: name, the word zone, the zone, the state."""
    found = []
    for line in listing.splitlines():
        words = line.split()
        if len(words) >= 4 and words[1] == "zone":  # noqa: PLR2004 - the words of a line
            found.append(Instance(words[0], words[2], words[3]))
    return found


def resolve(target: str, census: Census, roles: Roles, rng: random.Random) -> tuple[str, ...]:
    """The instances that a target's words mean now.

    `everything` · `zone a` · `all redis` · `one of orders` · `primary of redis` and the other
    ROLES · `who was split`, `who was primary of postgres` · `orders-a-1` · several of these with
    `and` between them.

    Raises:
        TargetUnknown: the words mean nothing, or nobody that is there.
    """
    if " and " in target:
        parts = [resolve(part, census, roles, rng) for part in target.split(" and ")]
        return tuple(dict.fromkeys(name for part in parts for name in part))
    if target in ROLES:
        found = list(roles.get(target, ()))
        return (rng.choice(sorted(found)),) if found else _unknown(target, roles)
    if target.startswith(WHO_WAS):
        return tuple(roles.get(target, ())) or _unknown(target, roles)
    one = target.startswith("one of ")
    names = [i.name for i in census if _means(target, i)]
    if not names:
        return _unknown(target, [i.name for i in census])
    return (rng.choice(sorted(names)),) if one else tuple(sorted(names))


def _means(target: str, instance: Instance) -> bool:
    kind, _, name = target.rpartition(" ")
    match kind:
        case "zone":
            return instance.zone == name
        case "all" | "one of":
            return instance.program == name
        case _:
            return target in ("everything", instance.name)


def _unknown(target: str, there: object) -> tuple[str, ...]:
    raise TargetUnknown(f"{target!r} means nobody; there are: {there}")


def act(step: Step, census: Census, roles: Roles, rng: random.Random) -> Act:
    """The commands of a step.

    Raises:
        TargetUnknown: as above.
    """
    return _ACTS[step.do](step, census, roles, rng)


def _fault(step: Step, census: Census, roles: Roles, rng: random.Random) -> Act:
    targets = resolve(step.target, census, roles, rng)
    return Act(((FAULT_SCRIPT, step.do, *targets),), targets)


def _slow(step: Step, census: Census, roles: Roles, rng: random.Random) -> Act:
    targets = resolve(step.target, census, roles, rng)
    return Act(((FAULT_SCRIPT, "slow", str(step.delay_ms), *targets),), targets)


def _crash(step: Step, census: Census, roles: Roles, rng: random.Random) -> Act:
    targets = resolve(step.target, census, roles, rng)
    return Act((("scripts/crash.sh", step.point, *targets),), targets)


def _acquirer(step: Step, *_: object) -> Act:
    words = [f"{name}={value:g}" for name, value in sorted(step.knobs.items())]
    return Act((("scripts/acquirer.sh", *words),), (), dict(step.knobs))


def _roll(step: Step, census: Census, roles: Roles, rng: random.Random) -> Act:
    """One after the other: stopped in order, brought back, healthy before the next.

    Of a store it must have caught up as well: the next one may be the only other copy.
    """
    targets = resolve(step.target, census, roles, rng)
    commands = [(FAULT_SCRIPT, word, target) for target in targets for word in ("stop", "heal")]
    whole = any(instance.program in STORES for instance in census if instance.name in targets)
    return Act(tuple(commands), targets, whole=whole)


def _switchover(*_: object) -> Act:
    return Act((("scripts/switchover.sh",),))


def _heal(step: Step, census: Census, roles: Roles, rng: random.Random) -> Act:
    if step.target:
        return _fault(step, census, roles, rng)
    return Act(((FAULT_SCRIPT, "heal"), ("scripts/acquirer.sh", "default")))


_ACTS: dict[Do, Callable[[Step, Census, Roles, random.Random], Act]] = {
    "kill": _fault,
    "pause": _fault,
    "stop": _fault,
    "cut": _fault,
    "split": _fault,
    "fill": _fault,
    "crash": _crash,
    "slow": _slow,
    "acquirer": _acquirer,
    "roll": _roll,
    "switchover": _switchover,
    "heal": _heal,
}
"""What does what. `random` is not here: it is drawn into other steps first."""


_RANDOM_DO: tuple[Do, ...] = ("kill", "kill", "pause", "stop", "cut", "split")
_RANDOM_AT_ONCE = 3
_BREAK_S, _REST_S = (4.0, 20.0), (5.0, 15.0)
_TROUBLE = ({"error_rate": 0.5}, {"hang_rate": 0.3}, {"latency_ms": 800.0, "error_rate": 0.1})


def draw(step: Step, census: Census, rng: random.Random) -> list[Step]:
    """The steps of `random`: faults and healings by turns, for about `for_s` seconds.

    Several at once, but all in one zone: every quorum keeps its majority, and everything that has
    two instances keeps one. Now and then the acquirer has a bad time too. A whole zone is one of
    the faults. The last step heals.
    """
    drawn: list[Step] = []
    left = step.for_s
    while left > 0:
        zone = rng.choice(sorted({i.zone for i in census if i.zone != "-"}))
        count = rng.randint(1, _RANDOM_AT_ONCE)
        inside = sorted(i.name for i in census if i.zone == zone)
        hit = rng.sample(inside, min(count, len(inside)))
        if rng.random() < 1 / 6:
            hit = [f"zone {zone}"]
        if rng.random() < 1 / 4:
            drawn.append(Step(do="acquirer", knobs=rng.choice(_TROUBLE)))
        drawn += [Step(do=rng.choice(_RANDOM_DO), target=target) for target in hit]
        broken, rest = round(rng.uniform(*_BREAK_S), 1), round(rng.uniform(*_REST_S), 1)
        drawn[-1] = drawn[-1].model_copy(update={"then_s": broken})
        drawn.append(Step(do="heal", then_s=rest))
        left -= broken + rest
    return drawn


def drawn(steps: Sequence[Step], census: Census, rng: random.Random) -> list[Step]:
    """The steps with `random` drawn into others; the same seed draws the same."""
    return [
        one
        for step in steps
        for one in (draw(step, census, rng) if step.do == "random" else [step])
    ]
