"""Unkeyed requests: who is not told how to recognise a copy may not send one."""

from __future__ import annotations

from gamedays.history import History
from gamedays.verdict import Verdict, judge

NEWCOMER = "newcomer"


def newcomers(history: History) -> Verdict:
    """A POST without an Idempotency-Key is never repeated by anybody on its way.

    Operations: `newcomer`; opens an account for an email address that nobody has used, without a
    key, and once. Its client repeats nothing, so it may fail; but if it is told that the address is
    taken, somebody on the way sent it twice: the answer's `status` is 409.

    Invalid if one was told so, or if none got an account: then nothing was tested.
    """
    operations = history.of(NEWCOMER)
    twice = [o.key for o in operations if o.status == 409]  # noqa: PLR2004
    findings = [f"the account of {email} was asked for twice" for email in twice]
    known = sum(o.ok for o in operations)
    if not known:
        findings.append("nobody got an account")
    return judge(
        f"{len(operations)} unkeyed requests, {known} done, none of them twice",
        findings,
        {"duplicated": len(twice)},
    )
