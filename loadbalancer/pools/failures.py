"""The tries of one request that failed: who is to blame, and who is left to be asked."""

from __future__ import annotations

from loadbalancer.pools.affinity import Tie
from loadbalancer.pools.instance import Instance, State
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.retry import Failure, Retry, decide


class Failures:
    """Made when the first try fails."""

    __slots__ = ("_connects", "_instances", "_pool", "_tie", "_unreachable")

    def __init__(self, pool: Pool, tie: Tie | None = None) -> None:
        self._pool = pool
        self._tie = tie
        self._instances: tuple[Instance, ...] = ()
        self._unreachable: tuple[Instance, ...] = ()
        self._connects = 0

    def add(self, instance: Instance, failure: Failure, now: float) -> None:
        """A try on this instance failed. It is blamed once a request, if it is to blame."""
        if failure is Failure.CONNECT:
            self._connects += 1
            self._unreachable = (*self._unreachable, instance)
        if failure is not Failure.STALE and instance not in self._instances:
            self._instances = (*self._instances, instance)
            if failure is not Failure.ERROR:  # it was judged by its answer
                self._pool.failed(instance, failure, now)

    def another(
        self,
        failure: Failure,
        failed: Instance,
        now: float,
        *,
        repeatable: bool,
        whole: bool,
        tries: int,
    ) -> Instance | None:
        """The instance for another try, if there may be one; a retry is taken from the budget.

        One that was not tried yet, if there is any. Else, where a second run does no harm, one
        that could be reached: slow is better than nobody when the others are dead. If none could
        be, they are dialed again in turn: a packet may have been lost, and nothing was sent.

        Args:
            failure: of the last try.
            failed: the instance of that try.
            now: in seconds.
            repeatable: a second run of the request does no harm.
            whole: what came of its body is kept.
            tries: made so far, in which the request was sent.
        """
        pool = self._pool
        over = failure is not Failure.TIMEOUT
        failed.in_flight -= over  # a try that is over leaves its place to the next one
        other = pool.pick(self._instances, self._tie)
        if other is None and failure is Failure.CONNECT:
            if repeatable:
                other = pool.pick(self._unreachable, self._tie)
            other = other or pool.pick((failed,), self._tie) or pool.pick((), self._tie)
        failed.in_flight += over
        if other is None:
            return None
        verdict = decide(
            failure,
            repeatable=repeatable,
            whole=whole,
            tries=tries,
            connects=self._connects,
            settings=pool.settings.retry,
            budget=pool.budget,
            grace=lambda: _grace(failure, failed, now),
        )
        return other if verdict in (Retry.ELSEWHERE, Retry.AFRESH) else None


def _grace(failure: Failure, failed: Instance, now: float) -> bool:
    """Did the instance drop this together with all that it had under way?

    A broken connection says so; silence only once the instance is known to be silent. And error
    answers may be as many as it takes to eject who gives them.
    """
    if failure is Failure.ERROR:
        return failed.grace.take(max(failed.in_flight, failed.ejection.settings.errors), now)
    if failure is not Failure.RESET and failed.state is State.UP:
        return False
    return failed.grace.take(failed.in_flight, now)
