"""Time to detect and time to recover."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from gamedays.history import FAULT, HEAL, HEALING, PHASE, SEEN, History, Operation, Record
from gamedays.verdict import Checker, Verdict

WELL = frozenset({"up", "primary", "replica"})
"""States, as the observer writes them, of who is there and may be used."""

QUIET_SECONDS = 3.0
"""Who still fails this shortly before the load's end has not recovered."""

SLOW_SECONDS = 1.0
"""An answer that took longer counts as trouble: the cluster decides within it when it is well."""


def detected(bound_s: float | None) -> Checker:
    """A checker of how soon the cluster itself knew.

    Looks: `seen`; key is an instance, value its state, in the eyes of balancers, of the Redis
    cluster, of Kafka. The fault's value has `targets`, the instances that it hit.

    The time is from a fault to the moment when each target, of those that anybody looks at, was
    first seen otherwise than well; who was seen so before is no news. The longest counts: of all
    faults where there is a bound, else of the first. Invalid if that is over `bound_s` seconds, or
    (where there is a bound) if a target was not noticed before it was hit again, or nobody was at
    all. A `roll` takes one target after the other, and has no such moment; a `heal` of some of them
    is no fault.
    """

    def check(history: History) -> Verdict:
        faults = [
            r
            for r in history.marks(FAULT)
            if r.value["targets"] and not r.key.startswith(("roll", "heal"))
        ]
        if not faults:
            return Verdict(bound_s is None, "nothing was broken")
        looks = history.marks(SEEN)
        looked_at = {look.key for look in looks}
        took: dict[tuple[str, float], float | None] = {}
        for fault in faults if bound_s is not None else faults[:1]:
            for target in looked_at.intersection(fault.value["targets"]):
                if _state(looks, target, fault.time) not in WELL:
                    continue
                again = (
                    f.time for f in faults if f.time > fault.time and target in f.value["targets"]
                )
                took[target, fault.time] = _noticed(
                    looks, target, fault.time, min(again, default=math.inf)
                )
        noticed = [seconds for seconds in took.values() if seconds is not None]
        missed = sorted({target for (target, _), seconds in took.items() if seconds is None})
        if not noticed:
            return Verdict(bound_s is None, "nobody noticed")
        seconds = max(noticed)
        figures = {"detect_s": round(seconds, 3)}
        detail = f"all of {len(noticed)} noticed after {seconds:.2f} s"
        if missed and bound_s is not None:
            return Verdict(False, f"{detail}, but never {', '.join(missed)}", figures)
        if bound_s is not None and seconds > bound_s:
            return Verdict(False, f"{detail}; bound {bound_s:g} s", figures)
        return Verdict(True, detail, figures)

    return check


def _state(looks: Sequence[Record], target: str, at: float) -> str:
    """How the target was last seen before that; one that nobody had looked at yet was well."""
    states = (look.value for look in reversed(looks) if look.key == target and look.time < at)
    return str(next(states, "up"))


def _noticed(looks: Sequence[Record], target: str, since: float, until: float) -> float | None:
    """How long it took until somebody saw the target otherwise than well, before `until`."""
    times = (
        look.time - since
        for look in looks
        if look.key == target and since <= look.time < until and look.value not in WELL
    )
    return next(times, None)


def recovered(kinds: Sequence[str], *, since: str, bound_s: float | None) -> Checker:
    """A checker of how soon people were served again as if nothing had happened.

    An operation of these kinds is in trouble if it failed, got no answer or took over
    SLOW_SECONDS. With `since="fault"` every fault, and every healing as it begins, is a disturbance
    of its own: the time is from it to the end of the last operation in trouble that began before
    the next disturbance, and the longest of these times counts. With `since="heal"` trouble is
    expected until healing has ended, and the time is from there to the last one. It is 0 where
    nobody was in trouble.

    Invalid if that is over `bound_s` seconds, or if such an operation ended within QUIET_SECONDS
    of the load's end: then nobody knows when it would have ended.
    """

    def check(history: History) -> Verdict:
        _, end = history.load
        starts = _disturbances(history, since)
        if not starts:
            return Verdict(bound_s is None, f"there was no {since}")
        seconds, last, count = 0.0, 0.0, 0
        for operation in in_trouble(history, kinds):
            ended = min(operation.known_at, end)
            if ended < starts[0]:
                continue
            # Who was under way when the first was done is its victim too.
            start = starts[max(0, bisect_right(starts, operation.begin) - 1)]
            count += 1
            last = max(last, ended)
            seconds = max(seconds, ended - start)
        figures = {"recover_s": round(seconds, 3)}
        detail = f"{count} in trouble, for {seconds:.2f} s after a {since}"
        if count and last > end - QUIET_SECONDS:
            return Verdict(False, f"not recovered when the load ended: {detail}", figures)
        if bound_s is not None and seconds > bound_s:
            return Verdict(False, f"{detail}; bound {bound_s:g} s", figures)
        return Verdict(True, detail, figures)

    return check


def in_trouble(history: History, kinds: Sequence[str]) -> list[Operation]:
    """The operations of these kinds, under load, that failed, got no answer or took too long."""
    return [
        operation
        for operation in history.under_load
        if operation.kind in kinds and not (operation.ok and operation.seconds <= SLOW_SECONDS)
    ]


def last_trouble(history: History, kinds: Sequence[str]) -> float | None:
    """When the last of them ended, after the first fault; None if there was none, or no end."""
    faults = history.marks(FAULT)
    _, end = history.load
    ends = [o.known_at for o in in_trouble(history, kinds)]
    last = max(ends, default=0.0)
    if not faults or last < faults[0].time or last > end - QUIET_SECONDS:
        return None
    return last


def _disturbances(history: History, since: str) -> list[float]:
    """When they were, in order."""
    if since == "heal":
        return [r.time for r in history.marks(HEAL)[-1:]]
    healings = [r for r in history.marks(PHASE) if r.key == HEALING]
    faults = history.marks(FAULT)
    return sorted(r.time for r in (*faults, *healings)) if faults else []
