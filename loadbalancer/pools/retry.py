"""May a request whose try failed be tried again? Never, where it could have an effect twice.

1. Nothing was sent: any request, on another instance; it costs no budget, since it did no work.
2. Sent, but no answer began: only what may be repeated, whose body is still whole; in the budget,
   or by the grace for what an instance had under way when it failed (`budget.py`).
3. The answer has begun to be passed on: never. (The caller has part of it.) One that says
   `my fault`, of which the caller has nothing yet, is as good as none where another instance does
   better: as 2. If all err, the cause is behind them, and nothing is repeated.
4. A pooled connection turned out to be dead: as 2, but it is no try and costs nothing; the
   instance did nothing wrong by closing a connection that was idle.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from loadbalancer.pools.budget import RetryBudget
from loadbalancer.pools.settings import RetrySettings


class Failure(Enum):
    """How a try failed. The value is the reason as people see it."""

    CONNECT = "cannot connect"
    STALE = "a pooled connection was dead"
    RESET = "connection broken"
    TIMEOUT = "no answer in time"
    NONSENSE = "answer not understood"
    ERROR = "error answer"


class Retry(Enum):
    """What to do about it."""

    ELSEWHERE = "try another instance"
    AFRESH = "try again on a new connection"
    NOT_SAFE = "may have had an effect"
    NOT_WHOLE = "the body is not kept"
    TRIED_ENOUGH = "tried enough"
    NO_BUDGET = "retry budget spent"


_MOST_CONNECTS = 5


def decide(
    failure: Failure,
    *,
    repeatable: bool,
    whole: bool,
    tries: int,
    connects: int,
    settings: RetrySettings,
    budget: RetryBudget,
    grace: Callable[[], bool],
) -> Retry:
    """Decides after a failed try; a retry within the budget is taken from it.

    Args:
        failure: how the try ended, before any answer began.
        repeatable: the method is idempotent or the request has an Idempotency-Key.
        whole: what was received of the body so far is kept.
        tries: made so far, in which the request was sent.
        connects: connections that could not be made so far.
        settings: of the pool.
        budget: of the pool.
        grace: asks for a retry of what the instance had under way.
    """
    sent = failure is not Failure.CONNECT
    made, most = (tries, settings.tries) if sent else (connects, _MOST_CONNECTS)
    if sent and not repeatable:
        return Retry.NOT_SAFE
    if not whole:
        return Retry.NOT_WHOLE
    if failure is Failure.STALE:
        return Retry.AFRESH
    if made >= most:
        return Retry.TRIED_ENOUGH
    return Retry.ELSEWHERE if not sent or grace() or budget.take() else Retry.NO_BUDGET
