"""Time to detect and time to recover."""

from __future__ import annotations

from collections.abc import Sequence

from gamedays.history import FAULT, HEAL, SEEN, History
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

    The time is from the first fault to the moment when each target, of those that anybody looks
    at, was first seen otherwise than well. Invalid if that is over `bound_s` seconds, or (where
    there is a bound) if no target was noticed at all.
    """

    def check(history: History) -> Verdict:
        fault = next((r for r in history.marks(FAULT) if r.value["targets"]), None)
        if fault is None:
            return Verdict(bound_s is None, "nothing was broken")
        seen = [r for r in history.marks(SEEN) if r.key in fault.value["targets"]]
        noticed: dict[str, float] = {}
        for look in seen:
            if look.time >= fault.time and look.value not in WELL:
                noticed.setdefault(look.key, look.time - fault.time)
        missed = sorted({r.key for r in seen} - noticed.keys())
        if not noticed:
            return Verdict(bound_s is None, "nobody noticed")
        seconds = max(noticed.values())
        figures = {"detect_s": round(seconds, 3)}
        detail = f"all of {len(noticed)} noticed after {seconds:.2f} s"
        if missed and bound_s is not None:
            return Verdict(False, f"{detail}, but never {', '.join(missed)}", figures)
        if bound_s is not None and seconds > bound_s:
            return Verdict(False, f"{detail}; bound {bound_s:g} s", figures)
        return Verdict(True, detail, figures)

    return check


def recovered(kinds: Sequence[str], *, since: str, bound_s: float | None) -> Checker:
    """A checker of how soon people were served again as if nothing had happened.

    The time is from the fault (`since="fault"`: the last one) or from the end of the last healing
    (`since="heal"`) to the end of the last operation of these kinds that failed, got no answer or
    took over SLOW_SECONDS; 0 if there was none. Invalid if that is over `bound_s` seconds, or if
    such an operation ended within QUIET_SECONDS of the load's end: then nobody knows when it ends.
    """

    def check(history: History) -> Verdict:
        _, end = history.load
        marks = history.marks(FAULT if since == "fault" else HEAL)
        if not marks:
            return Verdict(bound_s is None, f"there was no {since}")
        start = marks[-1].time
        trouble = [
            min(o.known_at, end)
            for o in history.under_load
            if o.kind in kinds and (not o.ok or o.seconds > SLOW_SECONDS) and o.known_at >= start
        ]
        last = max(trouble, default=start)
        seconds = last - start
        figures = {"recover_s": round(seconds, 3)}
        detail = f"{len(trouble)} in trouble, the last one {seconds:.2f} s after the {since}"
        if trouble and last > end - QUIET_SECONDS:
            return Verdict(False, f"not recovered when the load ended: {detail}", figures)
        if bound_s is not None and seconds > bound_s:
            return Verdict(False, f"{detail}; bound {bound_s:g} s", figures)
        return Verdict(True, detail, figures)

    return check
