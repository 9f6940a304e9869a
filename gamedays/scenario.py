"""A scenario: a file that a person reads, and what it means. Pure but for reading the file.

`gamedays/scenarios/kill-zone.toml` is the scenario kill-zone. Times are in seconds, rates in
operations a second.
"""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FOLDER = Path(__file__).parent / "scenarios"

Do = Literal[
    "kill",
    "pause",
    "stop",
    "cut",
    "split",
    "fill",
    "crash",
    "slow",
    "acquirer",
    "random",
    "roll",
    "switchover",
    "heal",
]
"""What a step does; nemeses/decisions.py says how."""

_NEED_A_TARGET = frozenset(
    {"kill", "pause", "stop", "cut", "split", "fill", "crash", "slow", "roll"}
)

UNDOES_ITSELF: tuple[Do, ...] = ("heal", "roll", "switchover")
"""After these nothing is broken."""

Bound = Annotated[float, Field(ge=0)]


class ScenarioBroken(ValueError):
    """A scenario cannot be read; the message names the file and the line's key."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Load(_Table):
    """Who comes while it happens, from before the first step until after the last."""

    browsing: float = Field(
        10.0, ge=0, description="looks at shows, beside the probe's 10 a second"
    )
    buying: float = Field(4.0, gt=0, description="orders")
    before_s: float = Field(
        8.0, ge=3, description="must pass without a failure, or nothing is broken"
    )
    after_s: float = Field(15.0, ge=5, description="after the last step")


class Step(_Table):
    """One thing that is done, and how long to look on before the next."""

    do: Do
    target: str = Field("", description="such as orders-a-1, zone a, all redis, leader of kafka")
    knobs: dict[str, float] = Field(default_factory=dict, description="of the acquirer")
    point: str = Field("", description="for crash: a name of gamedays/planted/points.py")
    delay_ms: int = Field(0, ge=0, le=10_000, description="for slow")
    for_s: float = Field(0.0, ge=0, description="for random: how long to go on breaking things")
    then_s: float = Field(0.0, ge=0, description="look on for so long before the next step")

    @property
    def heals(self) -> bool:
        """Everything is healed by it."""
        return self.do == "heal" and not self.target

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Step:
        if self.do in _NEED_A_TARGET and not self.target:
            raise ValueError(f"{self.do} needs a target")
        if (self.do == "acquirer") != bool(self.knobs):
            raise ValueError("knobs belong to acquirer, and acquirer needs knobs")
        if (self.do == "crash") != bool(self.point):
            raise ValueError("point belongs to crash, and crash needs it")
        if (self.do == "slow") != bool(self.delay_ms):
            raise ValueError("delay_ms belongs to slow, and slow needs it")
        if (self.do == "random") != bool(self.for_s):
            raise ValueError("for_s belongs to random, and random needs it")
        return self


class Service(_Table):
    """How well one kind of operation must be served."""

    gap_s: Bound = Field(description="longest time without a success")
    errors: float = Field(0.0, ge=0, le=1, description="share that may fail")


class Goodput(_Table):
    """How soon what piled up must be done."""

    within_s: Bound = Field(description="after the end of healing")
    share: float = Field(ge=0, le=1, description="of the orders placed until then")


class Holds(_Table):
    """What must hold, beside that nothing is lost, doubled, sold twice or unpaid: always."""

    probe: Service = Field(description="browsing, by a probe ten times a second")
    order: Service = Field(description="keyed orders, asked again by their clients")
    session: Service | None = Field(
        None, description="signing in and out, of that shard of Redis which is served worst"
    )
    detect_s: Bound | None = Field(None, description="until the cluster itself has noticed")
    recover_s: Bound | None = Field(None, description="until the last trouble of a client")
    recover_since: Literal["fault", "heal"] = "fault"
    refuse_s: Bound | None = Field(
        None, description="until an order that cannot be taken is answered 503, with Retry-After"
    )
    effect_s: Bound | None = Field(None, description="that an event may wait for its effect")
    attempts: float | None = Field(None, ge=1, description="sent for each request, in any pool")
    goodput: Goodput | None = None
    sessions: Literal["hold", "may be lost"] = Field(
        "hold", description="whether sign-in and sign-out are a linearizable register"
    )

    @property
    def longest_s(self) -> float:
        """The longest time in seconds that anybody may have to wait for the end of a trouble."""
        gaps = [s.gap_s for s in (self.probe, self.order, self.session) if s is not None]
        return max(*gaps, self.recover_s or 0.0, self.effect_s or 0.0)


class Anchor(_Table):
    """The AWS service that this stands for, and its published figure."""

    service: str
    figure: str


class Scenario(_Table):
    """One game day."""

    name: str
    title: str
    story: str = Field(min_length=20, description="what is done and what a person should see")
    short: bool = Field(False, description="one of the few that CI runs")
    planted: bool = Field(False, description="needs the test image, so it is not one of `all`")
    small_disk: bool = Field(False, description="kafka-b gets one that can be filled")
    stands_for: Anchor
    load: Load = Load()
    steps: tuple[Step, ...] = ()
    holds: Holds

    @model_validator(mode="after")
    def _has_the_disk(self) -> Scenario:
        if any(step.do == "fill" for step in self.steps) != self.small_disk:
            raise ValueError("small_disk belongs to fill, and fill needs it")
        return self

    @model_validator(mode="after")
    def _has_the_image(self) -> Scenario:
        if any(step.do == "crash" for step in self.steps) != self.planted:
            raise ValueError("planted belongs to crash, and crash needs it")
        return self

    @model_validator(mode="after")
    def _is_healed(self) -> Scenario:
        broken = any(step.do not in UNDOES_ITSELF for step in self.steps)
        if broken and not self.steps[-1].heals:
            raise ValueError("steps: the last one must be heal, of everything")
        if self.holds.recover_since == "heal" and not self.steps:
            raise ValueError("holds.recover_since: there is no heal")
        return self

    @model_validator(mode="after")
    def _outlasts_its_bounds(self) -> Scenario:
        """What is healed sooner than a bound ends may be held by the healing alone.

        Or noticed by it: who is started again is seen to have been away.
        """
        for before, step in pairwise(self.steps):
            if step.heals and before.then_s < (self.holds.detect_s or 0.0):
                raise ValueError(
                    "steps: the last one before a heal needs then_s of detect_s or more"
                )
        if self.holds.recover_since == "heal":
            return self
        longest = self.holds.longest_s
        for before, step in pairwise(self.steps):
            if step.heals and before.then_s <= longest:
                raise ValueError(
                    f"steps: the last one before a heal needs then_s over {longest:g}, the longest"
                    " bound; or recover_since must be heal"
                )
        return self


def parse(name: str, text: str) -> Scenario:
    """Reads a scenario's text.

    Raises:
        ScenarioBroken: it is no TOML, or a key is missing, unknown or has a value that cannot be.
    """
    try:
        fields: dict[str, Any] = tomllib.loads(text)
        return Scenario(name=name, **fields)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioBroken(f"{name}.toml: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'scenario'}: {e['msg']}" for e in error.errors()
        )
        raise ScenarioBroken(f"{name}.toml: {wrong}") from error


def names() -> list[str]:
    """All scenarios, the baseline first."""
    found = sorted(path.stem for path in FOLDER.glob("*.toml"))
    return sorted(found, key=lambda name: name != "baseline")


def load(name: str) -> Scenario:
    """One scenario.

    Raises:
        ScenarioBroken: it cannot be read, or there is none of that name.
    """
    if name not in names():
        raise ScenarioBroken(f"there is no scenario {name!r}; there are: {', '.join(names())}")
    return parse(name, (FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
