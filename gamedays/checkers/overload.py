"""Does trouble feed itself? Attempts for each request, and whether the backlog goes by itself."""

from __future__ import annotations

from gamedays.history import HEAL, PHASE, TRIED, History
from gamedays.verdict import Checker, Verdict, judge

IN_HAND_SECONDS = 5.0
"""So long may a purchase be under way when all is well: a slow card takes 2 s of it."""

_DECISIONS = ("OrderConfirmed", "OrderDeclined")


def amplification(bound: float) -> Checker:
    """A checker of how often the same thing was tried: the amplification of a retry storm.

    `tried`, read before the load and after it: by pool the `requests` that its callers made and
    the `retries` of the balancers, of all balancers together. Truth: `charges`.

    Attempts for each request are what was sent over what was wanted. A balancer's callers want
    their requests; who calls the acquirer wants its charges, however often it asks. Invalid if
    there are over `bound` attempts for each in any pool; unknown if a balancer died meanwhile, for
    its counters died with it.
    """

    def check(history: History) -> Verdict:
        looks = [r.value for r in history.marks(PHASE) if r.key == TRIED]
        if len(looks) < 2:  # noqa: PLR2004 - before and after
            return Verdict(None, "unknown: the balancers were not asked before and after")
        ratios: dict[str, float] = {}
        for pool, after in looks[-1].items():
            before = looks[0].get(pool, {"requests": 0, "retries": 0})
            requests = after["requests"] - before["requests"]
            sent = requests + after["retries"] - before["retries"]
            if requests < 0 or sent < requests:
                return Verdict(None, f"unknown: the counters of {pool} began anew")
            wanted = requests
            if pool == "acquirer":
                wanted = len({row["reference"] for row in history.truth("charges")})
            if wanted:
                ratios[pool] = sent / wanted
        if "acquirer" not in ratios:
            return Verdict(None, "unknown: nothing was charged")
        worst = max(ratios, key=ratios.__getitem__)
        told = f"{ratios[worst]:.2f} attempts for each request to {worst}"
        findings = [
            f"{ratio:.2f} attempts for each request to {pool}; bound {bound:g}"
            for pool, ratio in sorted(ratios.items())
            if ratio > bound
        ]
        return judge(f"{told}, elsewhere fewer", findings, {"attempts": round(ratios[worst], 3)})

    return check


def goodput(within_s: float, share: float) -> Checker:
    """A checker of how soon the work that piled up is done, with nobody helping.

    Truth: `orders` with `placed_at`, `email` with `told_at`, both in seconds since the epoch.

    So many seconds after the end of healing, of all orders of the run that were placed until
    then (those of the last IN_HAND_SECONDS apart) at least `share` (0 to 1) must have been
    decided, and their buyers told. In a metastable failure the backlog only grows. Invalid if they
    are fewer; unknown if the load ended before that moment.
    """

    def check(history: History) -> Verdict:
        healed = history.marks(HEAL)
        if not healed:
            return Verdict(None, "unknown: there was no heal")
        moment = healed[-1].time + within_s
        if history.load[1] < moment:
            return Verdict(None, f"unknown: the load ended within {within_s:g} s of healing")
        told = {
            row["order_id"]
            for row in history.truth("email")
            if row["kind"] in _DECISIONS and row["told_at"] <= moment
        }
        placed = [
            row["id"]
            for row in history.truth("orders")
            if not row["earlier"] and row["placed_at"] <= moment - IN_HAND_SECONDS
        ]
        if not placed:
            return Verdict(None, "unknown: no order was placed")
        done = sum(order in told for order in placed)
        ratio = done / len(placed)
        detail = f"{done} of {len(placed)} decided {within_s:g} s after healing ({ratio:.1%})"
        findings = [f"{detail}; bound {share:.0%}"] if ratio < share else []
        return judge(detail, findings, {"goodput": round(ratio, 4)})

    return check
