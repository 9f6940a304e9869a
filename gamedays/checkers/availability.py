"""Availability: for how long was nobody served, and how many were sent away?"""

from __future__ import annotations

from itertools import pairwise

from gamedays.history import History
from gamedays.verdict import Checker, Verdict, judge


def available(kind: str, *, gap_s: float, errors: float, keys: int = 0) -> Checker:
    """A checker of one kind of operation, while the load was on.

    With `keys` each key is a part of the whole that may fail by itself, and so many there must be:
    what the others do does not hide that one of them is not served.

    Invalid if
    - the longest time without a success ended is over `gap_s` seconds (with `keys`: of any of
      them), the time from the load's begin to the first success and from the last to the load's end
      counting too;
    - more than the share `errors` (0 to 1) of all of them did not succeed;
    - there were none, or fewer keys.
    """

    def check(history: History) -> Verdict:
        begin, end = history.load
        operations = [o for o in history.under_load if o.kind == kind]
        failed = sum(not o.ok for o in operations)
        done: dict[str, list[float]] = {o.key if keys else "": [] for o in operations}
        for operation in operations:
            if operation.ok:
                done[operation.key if keys else ""].append(operation.end)
        gaps = {key: longest_gap(begin, end, ends) for key, ends in done.items()}
        worst = max(gaps, key=gaps.__getitem__, default="")
        gap = gaps.get(worst, end - begin)
        ratio = failed / len(operations) if operations else 0.0
        findings = []
        if not operations:
            findings.append(f"no {kind} was tried")
        elif len(gaps) < keys:
            findings.append(f"{kind} was tried of {len(gaps)} keys; there must be {keys}")
        if gap > gap_s:
            where = f" of {worst}" if worst else ""
            findings.append(f"no {kind}{where} succeeded for {gap:.2f} s; bound {gap_s:g} s")
        if ratio > errors:
            findings.append(
                f"{failed} of {len(operations)} failed ({ratio:.2%}); bound {errors:.2%}"
            )
        return judge(
            f"{len(operations)} tried, {failed} failed, longest gap {gap:.2f} s",
            findings,
            {"gap_s": round(gap, 3), "errors": ratio},
        )

    return check


def longest_gap(begin: float, end: float, successes: list[float]) -> float:
    """The longest time in seconds between two successes, or between one and an end of the window.

    A success that came after the window closes it: nobody knows what would have come later.
    """
    moments = [begin, *sorted(t for t in successes if begin <= t <= end), end]
    return max(later - earlier for earlier, later in pairwise(moments))
