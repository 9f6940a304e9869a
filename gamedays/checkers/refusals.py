"""Refusals: who cannot be served is told soon, and told when to come back."""

from __future__ import annotations

from gamedays.history import History
from gamedays.verdict import Checker, Verdict, judge

_UNAVAILABLE = 503
_ERRORS = (500, 502, 504)


def refusals(kind: str, bound_s: float) -> Checker:
    """A checker of the 503s to one kind of operation, while the load was on.

    Operations: `kind`; what was no success is answered with its `status`, and a 503 with its
    `retry_after` in seconds too, null where it had none.

    Invalid if
    - one of them took over `bound_s` seconds;
    - one did not say when to come back (those of a history from before that was kept say nothing);
    - somebody waited longer than that and had no answer at all, or another error of the server:
      who is left to hang is not refused, and no better off.
    None at all is valid: how many there may be is for availability to say.
    """

    def check(history: History) -> Verdict:
        unserved = [
            operation
            for operation in history.under_load
            if operation.kind == kind and operation.outcome == "info"
        ]
        refused = [o for o in unserved if o.status == _UNAVAILABLE]
        hung = [o for o in unserved if o.status in (0, *_ERRORS) and o.seconds > bound_s]
        slowest = max((operation.seconds for operation in refused), default=0.0)
        silent = sum(operation.answered.get("retry_after", 0) is None for operation in refused)
        findings = []
        if slowest > bound_s:
            findings.append(f"a 503 to {kind} took {slowest:.2f} s; bound {bound_s:g} s")
        if hung:
            longest = min(max(o.seconds for o in hung), history.load[1] - history.load[0])
            findings.append(f"{len(hung)} waited up to {longest:.2f} s for no answer")
        if silent:
            findings.append(f"{silent} of {len(refused)} 503s did not say when to come back")
        return judge(
            f"{len(refused)} 503s, the slowest after {slowest:.2f} s",
            findings,
            {"slowest_s": round(slowest, 3), "refused": len(refused)},
        )

    return check
