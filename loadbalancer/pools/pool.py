"""A pool: its instances, which of them get work, and in which order.

1. Work goes to instances that are up; with `zone_aware`, to those of the own zone first, as long
   as at least half of them are up and while they have room.
2. With fewer than half of them up (`panic`), checks are taken to be wrong: all that still answer
   HTTP get work, and if none does, all of them.
3. One instance may always be ejected, more only as long as that does not cause a panic.
4. Error answers and late ones eject an instance only while another one does better: if all err
   or are late, the cause is behind them or is the load, and ejecting would help nobody.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection
from typing import Protocol

from loadbalancer.config.texts import joined
from loadbalancer.observe.meters import quantile, total
from loadbalancer.pools.affinity import Tie, affinity_of
from loadbalancer.pools.budget import RetryBudget
from loadbalancer.pools.checks import Outcome, Verdict
from loadbalancer.pools.instance import Instance, Listing, State
from loadbalancer.pools.limit import Limit
from loadbalancer.pools.policy import Hash, LeastRequests, Policy, Random, RoundRobin
from loadbalancer.pools.retry import Failure
from loadbalancer.pools.settings import PoolSettings

Tell = Callable[..., None]


class Waiter(Protocol):
    """A request that waits for a place."""

    tie: Tie | None

    movable: bool
    """It can be sent to another instance as well."""

    def place_found(self, instance: Instance, now: float) -> None:
        """It gets one."""


_SAMPLES = 20
"""With fewer requests in ten seconds it is not known what is usual."""
_WITNESSES = 3
"""So many answers of another instance show what it takes now."""
_COUNTED = (State.UP, State.FAILING, State.EJECTED)


class Pool:
    """The instances of one service."""

    def __init__(
        self, settings: PoolSettings, zone: str, tell: Tell, chance: random.Random
    ) -> None:
        """`tell(event, **fields)` hears of every change of state."""
        self.settings = settings
        self.name = settings.name
        self.zone = zone
        self._tell = tell
        self._chance = chance
        self.instances: dict[str, Instance] = {}
        self.budget = RetryBudget(settings.retry.budget, settings.retry.budget_min)
        self.host = settings.name.encode()
        self.in_flight = 0
        self._adaptive = _limit_of(settings)
        self.limit = self._adaptive.value if self._adaptive else settings.max_requests
        """Requests that may be under way; more wait."""
        self._ended = (0, 0.0)
        """Requests and the seconds that they took, until the last tick."""
        self.waiting: deque[Waiter] = deque()
        self.errors = 0
        """Answers of the 5xx class that callers got, whoever made them."""
        self.retries = 0
        """Tries after the first, whatever for."""
        self.panic = False
        self.hurry: Callable[[Instance], None] = lambda _: None
        """Hears of an instance that has fallen silent: who waits for it need not wait on."""
        self.ejected: Callable[[Instance], None] = lambda _: None
        """Hears of an instance that was ejected here."""
        self.affinity = affinity_of(settings)
        self._tiers: list[Policy] = []
        self._sets: list[object] = []
        """What the tiers were made of."""
        self._tokens: dict[str, Instance] = {}

    # ---- choosing -----------------------------------------------------------------------------

    def pick(self, tried: Collection[Instance] = (), tie: Tie | None = None) -> Instance | None:
        """The instance for the next try; None if every one was tried or has no room."""
        most, key = self.settings.max_connections, b""
        if tie is not None:
            key = tie.key
            wanted = self._tokens.get(tie.token)
            if wanted is not None and wanted.in_flight < most and wanted not in tried:
                return wanted
        for tier in self._tiers:
            instance = tier.choose(tried, most, key)
            if instance is not None:
                return instance
        return None

    def first(self, now: float, tie: Tie | None, movable: bool) -> Instance | None:
        """The instance for the first try; None if none has room.

        What cannot be sent elsewhere as well is no way to find out about one that was ejected.
        """
        if not movable:
            doubted = [i for i in self.instances.values() if i.ejection.doubted(now)]
            instance = self.pick(doubted, tie) if doubted else None
            if instance is not None:
                return instance
        return self.pick((), tie)

    def serve_waiting(self, now: float) -> None:
        """Places have become free."""
        while self.waiting and self.in_flight < self.limit:
            first = self.waiting[0]
            instance = self.first(now, first.tie, first.movable)
            if instance is None:
                return
            self.waiting.popleft().place_found(instance, now)

    @property
    def usable(self) -> bool:
        """Is there anyone to send a request to?"""
        return bool(self._tiers)

    def _rebuild(self, now: float) -> None:
        everyone = list(self.instances.values())
        counted = [i for i in everyone if i.state in _COUNTED]
        usable = [i for i in counted if i.state is State.UP]
        checked = sum(i.check.checked for i in counted)
        panic = len(usable) < self.settings.panic * checked
        if panic != self.panic:
            self.panic = panic
            self._tell("panic" if panic else "panic over", pool=self.name,
                       up=len(usable), of=checked)  # fmt: skip
        if panic or not usable:
            usable = [i for i in counted if i.state is State.UP or i.check.answers] or counted
            usable = usable or [i for i in everyone if _last_resort(i)]
        for instance in usable:
            instance.ramp(now, self.settings.slow_start)
        self._tokens = {i.token: i for i in usable if i.state is State.UP}
        tiers = [tier for tier in self._zones(usable, counted) if tier]
        sets: list[object] = [self.settings, *([(i, i.share) for i in tier] for tier in tiers)]
        if sets == self._sets:
            return
        turn = self._tiers[0].turn if self._tiers else 0
        self._tiers = [self._policy(tier, turn) for tier in tiers]
        self._sets = sets

    def _zones(self, usable: list[Instance], counted: list[Instance]) -> list[list[Instance]]:
        """Who is asked first, and who only when those have no room."""
        own = [i for i in usable if i.zone == self.zone]
        checked = sum(i.check.checked for i in counted if i.zone == self.zone)
        if not self.settings.zone_aware or len(own) < self.settings.panic * checked:
            return [usable]
        return [own, [i for i in usable if i.zone != self.zone]]

    def _policy(self, instances: list[Instance], turn: int) -> Policy:
        match self.settings.policy:
            case "least_requests":
                return LeastRequests(instances, self._chance)
            case "random":
                return Random(instances, self._chance)
            case "hash":
                return Hash(instances, self._chance, self.settings.hash_bound)
        return RoundRobin(instances, turn)

    # ---- what happens to instances ------------------------------------------------------------

    def refresh(self, now: float) -> None:
        """Judges every instance anew, tells of changes and reorders who gets work."""
        for instance in self.instances.values():
            state, reason = instance.judge()
            if state is not instance.state:
                self._tell("instance " + state.value, pool=self.name, target=instance.name,
                           address=instance.address, target_zone=instance.zone,
                           was=instance.state.value, reason=reason)  # fmt: skip
                instance.state, instance.since = state, now
                if state is State.FAILING and not instance.check.answers:
                    self.hurry(instance)
            instance.reason = reason
            if state is not State.UP and instance.idle:
                close_idle(instance)
        self._rebuild(now)

    def checked(self, instance: Instance, outcome: Outcome, now: float) -> None:
        """An active check of an instance came to its end."""
        doubted = instance.listing is not Listing.LISTED
        instance.check.record(outcome, now, self._chance.uniform(-1, 1), doubted=doubted)
        if outcome.name and outcome.name != instance.name:
            instance.rename(outcome.name)
            self._forget_namesakes(instance)
        if outcome.verdict is Verdict.READY and instance.ejection.check_succeeded(now):
            self._tell("ejection over", pool=self.name, target=instance.name)
        if instance.judge() != (instance.state, instance.reason):
            self.refresh(now)

    def failed(self, instance: Instance, failure: Failure, now: float) -> None:
        """A try ended without an answer; a second look by an active check is due at once."""
        instance.meter.errors += 1
        if not instance.check.running:
            instance.check.due = min(instance.check.due, now)
        if not instance.ejection.failed() or not self._may_eject(instance):
            return
        if failure is not Failure.TIMEOUT or self._another_is_sooner(instance):
            self._eject(instance, f"{instance.ejection.failures} in a row: {failure.value}", now)
            self.hurry(instance)

    def erred(self, instance: Instance, status: int, now: float, *, decided: bool) -> None:
        """A try was answered with a status of the 5xx class.

        `decided`: it says when to come back, so that it is a decision and not a failure.
        """
        instance.meter.errors += 1
        if decided or status not in self.settings.eject.statuses:
            instance.ejection.fine()
            return
        if not instance.ejection.erred() or not self._may_eject(instance):
            return
        if self.another_does_better(instance):
            self._eject(instance, f"{instance.ejection.errors} in a row: status {status}", now)

    def retried(self, instance: Instance) -> None:
        """A request went on from this instance to another try."""
        instance.meter.retries += 1
        self.retries += 1

    def another_does_better(self, instance: Instance) -> bool:
        """Is there one that is up and answered well the last time?"""
        return any(
            i.state is State.UP and not i.ejection.errors and not i.ejection.failures
            for i in self.instances.values()
            if i is not instance
        )

    def another_answers(self, instance: Instance, now: float) -> bool:
        """Is there one that gets work and is not late itself?"""
        return any(
            (i.state is State.UP or self.panic) and not i.late(now)
            for i in self.instances.values()
            if i is not instance
        )

    def _another_is_sooner(self, instance: Instance) -> bool:
        """Only an answer proves that waiting for one was not too short."""
        for other in self.instances.values():
            good = other.state is State.UP and not (
                other.ejection.failures or other.ejection.errors
            )
            if other is instance or not good:
                continue
            recent = other.meter.recent()
            usual = quantile(recent, 0.9)
            if sum(recent) >= _WITNESSES and usual is not None and usual <= instance.patience:
                return True
        return False

    def _may_eject(self, instance: Instance) -> bool:
        counted = [i for i in self.instances.values() if i.state in _COUNTED]
        others_up = sum(i.state is State.UP for i in counted if i is not instance)
        ejected = any(i.state is State.EJECTED for i in counted)
        return not ejected or others_up >= self.settings.panic * len(counted)

    def _eject(self, instance: Instance, reason: str, now: float) -> None:
        instance.ejection.eject(reason, now)
        self.ejected(instance)
        self.refresh(now)

    # ---- who there is -------------------------------------------------------------------------

    def discovered(self, source: str, found: Collection[tuple[str, int]], zone: str, now: float,
                   weight: int = 1) -> None:  # fmt: skip
        """Discovery has an answer for a name: these addresses, or none at all.

        None at all is doubtful: the instances stay, and their checks decide.
        """
        changed = False
        addresses = {joined(host, port): (host, port) for host, port in found}
        for key, (host, port) in addresses.items():
            known = self.instances.get(key)
            if known is None:
                known = Instance(host, port, self.settings, zone=zone, weight=weight, source=source)
                known.since = now
                self.instances[key] = known
                self._tell("instance found", pool=self.name, address=key, target_zone=zone)
                changed = True
            elif known.listing is not Listing.LISTED or known.source != source:
                known.listing, known.source, known.zone = Listing.LISTED, source, zone
                known.check.due = now
                changed = True
            if known.listed_weight != weight:
                known.weight = known.listed_weight = weight
                changed = True
        listing = Listing.DROPPED if addresses else Listing.DOUBTED
        for key, instance in self.instances.items():
            if instance.source == source and key not in addresses and instance.listing not in (
                listing, Listing.DROPPED
            ):  # fmt: skip
                instance.listing = listing
                instance.check.due = now
                changed = True
        if changed:
            self.refresh(now)

    def dropped(self, source: str, now: float) -> None:
        """Nobody looks for this name any more: its instances leave."""
        leaving = [i for i in self.instances.values() if i.source == source]
        for instance in leaving:
            instance.listing = Listing.DROPPED
        if leaving:
            self.refresh(now)

    def reconfigure(self, settings: PoolSettings, zone: str, now: float) -> None:
        """New settings; what is known of the instances, and what is under way, stays."""
        before, self.settings, self.zone = self.settings, settings, zone
        self.affinity = affinity_of(settings)
        if _limits(settings) != _limits(before):
            self._adaptive = _limit_of(settings)
            self.limit = self._adaptive.value if self._adaptive else settings.max_requests
        self.budget.reconfigure(settings.retry.budget, settings.retry.budget_min)
        for instance in self.instances.values():
            instance.reconfigure(settings)
            instance.check.due = min(instance.check.due, now + settings.check.interval)
        self.refresh(now)

    def forget(self, now: float, after: float) -> None:
        """Lets go of instances that have been gone for so many seconds."""
        for key, instance in list(self.instances.items()):
            over = now - instance.since >= after and instance.state is State.GONE
            if over and instance.listing is Listing.DROPPED:
                del self.instances[key]

    def _forget_namesakes(self, instance: Instance) -> None:
        """It came back under a new address: the old one is nobody's any more."""
        for key, other in list(self.instances.items()):
            if other is not instance and other.name == instance.name and other.state is State.GONE:
                del self.instances[key]

    def find(self, name: str) -> Instance | None:
        """By name or address."""
        return next((i for i in self.instances.values() if name in (i.name, i.address)), None)

    # ---- numbers ------------------------------------------------------------------------------

    def tick(self) -> None:
        """To be called once a second."""
        self.budget.tick()
        recent = {}
        for instance in self.instances.values():
            instance.meter.tick()
            recent[instance] = instance.meter.recent()
        for instance, own in recent.items():
            others = total(counts for other, counts in recent.items() if other is not instance)
            instance.patience = self._patience(instance.patience, others, own)

        if self._adaptive is not None:
            self._adapt(self._adaptive)

    def _adapt(self, adaptive: Limit) -> None:
        requests = sum(i.meter.requests for i in self.instances.values())
        seconds = sum(i.meter.seconds for i in self.instances.values())
        (requests_before, seconds_before), self._ended = self._ended, (requests, seconds)
        ended, took = requests - requests_before, seconds - seconds_before
        if ended > 0 and took > 0:
            adaptive.observe(took / ended, max(self.in_flight, took))  # in a second: Little's law
            self.limit = adaptive.value

    def _patience(self, before: float, others: list[int], own: list[int]) -> float:
        """A hung instance must not teach us to wait for it: what counts is how the others do.

        A few answers can only make us more patient than we are with those whom we do not know;
        none at all leave it at what was last seen.
        """
        settings = self.settings
        known = own if sum(own) >= _SAMPLES > sum(others) or not any(others) else others
        usual = quantile(known, 0.99)
        if usual is None:
            return before
        wanted = min(max(settings.try_least, settings.try_factor * usual), settings.try_most)
        wanted = max(wanted, usual)
        return wanted if sum(known) >= _SAMPLES else max(wanted, settings.try_seconds)

    def latency(self, share: float) -> float | None:
        """Seconds within which that share of the last ten seconds' requests ended."""
        return quantile(total(i.meter.recent() for i in self.instances.values()), share)


def _limits(settings: PoolSettings) -> tuple[object, ...]:
    return settings.adaptive, settings.adaptive_least, settings.max_requests


def _limit_of(settings: PoolSettings) -> Limit | None:
    if not settings.adaptive:
        return None
    return Limit(settings.adaptive_least, settings.max_requests)


def _last_resort(instance: Instance) -> bool:
    """Draining or out of discovery, but perhaps still there."""
    return not instance.drained and instance.listing is not Listing.DROPPED


def close_idle(instance: Instance) -> None:
    """Who gets no work needs no connections."""
    idle, instance.idle = instance.idle, []
    for link in idle:
        link.close()
