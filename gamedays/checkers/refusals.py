"""Refusals: who cannot be served is told soon, and told when to come back."""

from __future__ import annotations

from gamedays.history import History
from gamedays.verdict import Checker, Verdict, judge

_UNAVAILABLE = 503


def refusals(kind: str, bound_s: float) -> Checker:
    """A checker of the 503s to one kind of operation, while the load was on.

    Operations: `kind`; what was no success is answered with its `status`, and a 503 with its
    `retry_after` in seconds too, null where it had none.

    Invalid if
    - one of them took over `bound_s` seconds;
    - one did not say when to come back (those of a history from before that was kept say nothing).
    None at all is valid: how many there may be is for availability to say.
    """

    def check(history: History) -> Verdict:
        refused = [
            operation
            for operation in history.under_load
            if operation.kind == kind
            and not operation.ok
            and (operation.answered or {}).get("status") == _UNAVAILABLE
        ]
        slowest = max((operation.seconds for operation in refused), default=0.0)
        silent = sum(operation.answered.get("retry_after", 0) is None for operation in refused)
        findings = []
        if slowest > bound_s:
            findings.append(f"a 503 to {kind} took {slowest:.2f} s; bound {bound_s:g} s")
        if silent:
            findings.append(f"{silent} of {len(refused)} 503s did not say when to come back")
        return judge(
            f"{len(refused)} 503s, the slowest after {slowest:.2f} s",
            findings,
            {"slowest_s": round(slowest, 3), "refused": len(refused)},
        )

    return check
