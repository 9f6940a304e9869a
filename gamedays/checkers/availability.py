"""Availability: for how long was nobody served, and how many were sent away?"""

from __future__ import annotations

from itertools import pairwise

from gamedays.history import History
from gamedays.verdict import Checker, Verdict, judge


def available(kind: str, *, gap_s: float, errors: float) -> Checker:
    """A checker of one kind of operation, while the load was on.

    Invalid if
    - the longest time without a success ended is over `gap_s` seconds, the time from the load's
      begin to the first success and from the last to the load's end counting too;
    - more than the share `errors` (0 to 1) of them did not succeed;
    - there were none.
    """

    def check(history: History) -> Verdict:
        begin, end = history.load
        operations = [o for o in history.under_load if o.kind == kind]
        failed = sum(not o.ok for o in operations)
        gap = longest_gap(begin, end, [o.end for o in operations if o.ok])
        ratio = failed / len(operations) if operations else 0.0
        findings = []
        if not operations:
            findings.append(f"no {kind} was tried")
        if gap > gap_s:
            findings.append(f"no {kind} succeeded for {gap:.2f} s; bound {gap_s:g} s")
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
