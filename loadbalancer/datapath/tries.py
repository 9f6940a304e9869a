"""One request's place in its pool and its tries, until one is answered or all have failed.

1. `due` is when something must have happened; what that is follows from the phase.
2. Whatever ends a request goes through `_account`, once: by `_end`, if something is under way yet.
3. A try that fails blames its instance; whether and where there is another one is decided by
   `pools/failures.py` and `pools/retry.py`.
4. A try that is late is set aside and still listened to (`late.py`), unless `hedge` is off.

No socket is touched here: the caller's side and the instance's side are given.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic as clock
from typing import TYPE_CHECKING, Final

from loadbalancer.datapath import problems
from loadbalancer.datapath.late import Late, decided
from loadbalancer.datapath.sides import (
    ANSWERING,
    CONNECTING,
    DONE,
    RECEIVING,
    SENT,
    TUNNEL,
    WAITING,
    Asker,
    CallerSide,
    LinkSide,
    Phase,
)
from loadbalancer.pools.failures import Failures
from loadbalancer.pools.instance import State
from loadbalancer.pools.retry import Failure

if TYPE_CHECKING:
    from loadbalancer.datapath.front import Front
    from loadbalancer.datapath.upload import Upload
    from loadbalancer.pools.affinity import Tie
    from loadbalancer.pools.instance import Instance
    from loadbalancer.pools.pool import Pool
    from loadbalancer.wire.framing import Framing
    from loadbalancer.wire.reject import Problem
    from loadbalancer.wire.request import RequestHead
    from loadbalancer.wire.response import ResponseHead

SERVER_ERROR: Final = 500
_DEADLINE_MISSED: Final = 504

_LATE: Final = "late"
_OVERTAKEN: Final = "another was answered first"


class Tries(Asker):
    """See the top of this file.

    Attributes:
        answering: the head of the answer has come.
        repeatable: a second run of it does no harm.
        movable: and all of it is kept, so that it can be sent to another instance as well.
        tries: how often the request was sent.
        dialing: ends the attempt to open a connection; None if there is none.
        past: tries that ended without being the answer: instance, outcome, seconds.
        admitted_at: when it was received as far as it had to be; as all that follow, 0 before.
        placed_at: when it got its place in the pool; 0 if it has none.
        tried_at: when the last try began.
        sent_at: when that was sent.
        answered_at: when the head of its answer came.
    """

    __slots__ = (
        "_asks_leave", "_caller", "_deadline", "_failures", "_framing", "_front", "_keep",
        "_lates", "_link", "_reusable", "_seconds", "_upload", "admitted_at", "answered_at",
        "answering", "began", "dialing", "due", "head", "instance", "movable", "past", "phase",
        "placed_at", "pool", "repeatable", "request_id", "sent_at", "status", "tie", "tried_at",
        "tries",
    )  # fmt: skip

    def __init__(
        self, caller: CallerSide, front: Front, pool: Pool, head: RequestHead, now: float
    ) -> None:
        self._caller = caller
        self._front = front
        self.pool = pool
        self.head = head
        self.request_id = head.request_id
        self.repeatable = self.movable = head.repeatable
        self.began = now
        self.due = 0.0
        self.phase: Phase = RECEIVING
        self.answering = False
        self.status = 0
        self.tries = 0
        self.tie: Tie | None = None
        self.instance: Instance | None = None
        self.dialing: Callable[[], object] | None = None
        self._upload: Upload | None = None
        self._seconds = pool.settings.deadline
        if head.timeout_ms is not None:
            self._seconds = min(self._seconds, head.timeout_ms / 1000)
        self._deadline = 0.0
        self._asks_leave = False
        """Its body, too long to be kept, comes once the instance says 100."""
        self._link: LinkSide | None = None
        self._failures: Failures | None = None
        self._lates: tuple[Late, ...] = ()
        self.past: tuple[tuple[str, str, float], ...] = ()
        self.admitted_at = self.placed_at = self.tried_at = self.sent_at = self.answered_at = 0.0
        self._framing: Framing | None = None
        self._keep = head.keep_alive
        self._reusable = False

    # ---- a place in the pool ------------------------------------------------------------------

    def _admit(self, now: float) -> None:
        """The pool takes it, or lets it wait for a place, or is full."""
        pool, front = self.pool, self._front
        self.admitted_at = now
        self._deadline = now + self._seconds
        if not self.request_id:
            self.request_id = front.hop.request_id()
        if pool.affinity is not None:
            self.tie = pool.affinity.read(self.head, self.client)
        upload = self._upload
        if upload is not None and (upload.long or self._asks_leave):
            self.movable = False
        instance = None
        if pool.in_flight < pool.limit:
            # As `first`, without the call.
            movable = self.movable
            instance = pool.pick((), self.tie) if movable else pool.first(now, self.tie, False)
        if self._seconds <= 0:
            self._give_up(problems.GIVEN_UP[Failure.TIMEOUT])
        elif instance is not None:  # as `place_found`, without the call
            self.placed_at = now
            pool.in_flight += 1
            self._try(instance, now, False)
        elif not pool.usable:
            self._give_up(problems.NO_INSTANCE)
        elif len(pool.waiting) >= pool.settings.max_waiting:
            self._give_up(problems.TOO_MANY_WAIT)
        else:
            self.phase = WAITING
            self.due = min(now + pool.settings.max_wait, self._deadline)
            pool.waiting.append(self)

    def place_found(self, instance: Instance, now: float) -> None:
        """There is a place for it in the pool, on this instance."""
        self.placed_at = now
        self.pool.in_flight += 1
        self._try(instance, now, False)

    # ---- a try --------------------------------------------------------------------------------

    def _try(self, instance: Instance, now: float, afresh: bool) -> None:
        """`afresh`: on a new connection."""
        self.instance = instance
        self.tried_at = now
        if not instance.in_flight:
            instance.busy_since = now
        instance.in_flight += 1
        link = None if afresh else self._front.pooled(instance)
        if link is not None:
            self.connected(link, now)
            return
        self.phase = CONNECTING
        self.due = min(now + self.pool.settings.connect, self._deadline)
        self.dialing = self._front.dial(instance, self)

    def connected(self, link: LinkSide, now: float) -> None:
        """There is a connection: the request goes out."""
        self.dialing = None
        self._link = link
        self.tries += 1
        self.sent_at = now
        self.phase = SENT
        front, caller = self._front, self._caller
        data = front.hop.request(
            self.head,
            self.request_id,
            caller.peer,
            self.pool.host,
            int((self._deadline - now) * 1000),
            caller.trusted,
            self._asks_leave,
        )
        upload = self._upload
        if upload is not None:
            data += upload.send()
            caller.resume()
        link.carry(self, data)
        self._expect_answer(now)

    def _expect_answer(self, now: float) -> None:
        upload = self._upload
        if upload is not None:
            if not (upload.done or self._asks_leave):
                self._expect_body(now)
                return
            if not upload.whole:  # patience with the answer begins when a long body ends
                self.due = self._deadline = now + self._seconds
                return
        due, instance = self._deadline, self.instance
        if instance is not None and self.repeatable:
            late = now + instance.patience
            if late < due and self.tries < self.pool.settings.retry.tries:
                due = late
        self.due = due

    @property
    def _received(self) -> bool:
        return self._upload is None or self._upload.done

    @property
    def _whole(self) -> bool:
        return self._upload is None or self._upload.whole

    def _expect_body(self, now: float) -> None:
        settings = self._front.settings
        self.due = min(now + settings.body_idle, self.began + settings.body_total)

    def connect_failed(self) -> None:
        """No connection could be made: nothing was sent."""
        self.dialing = None
        self._try_failed(Failure.CONNECT, clock())

    # ---- a try that failed --------------------------------------------------------------------

    def _try_failed(self, failure: Failure, now: float) -> None:
        """This try will have no answer."""
        other = self._another(failure, now)
        if other is None and not self._lates:
            self._give_up(problems.GIVEN_UP[failure])
            return
        if failure is Failure.STALE:
            self.tries -= 1
        self._note(failure.value, now)
        failed = self._leave()
        if other is None or any(late.instance is other for late in self._lates):
            self._wait_for_late()
            return
        if failed is not None:
            self.pool.retried(failed)
        self._try(other, now, failure is Failure.STALE)

    def _late(self, now: float) -> None:
        """No answer: elsewhere, if that is possible; else it may still come until the deadline."""
        due = self._not_due(now)
        if due:
            self.due = due
            return
        other, instance, link = self._another(Failure.TIMEOUT, now), self.instance, self._link
        if now >= self._deadline:
            self._give_up(problems.GIVEN_UP[Failure.TIMEOUT])
        elif other is None or instance is None or link is None:
            self.due = self._deadline
        else:
            late = Late(self, instance, link)
            self._lates = (*self._lates, late)
            # One that waits for a body would get what is left of it, if it were taken back.
            if self._asks_leave or not self.pool.settings.retry.hedge:
                self.drop_late(late, _LATE, now)
            self._link = self.instance = None
            self.pool.retried(instance)
            self._try(other, now, False)

    def _not_due(self, now: float) -> float:
        """When to look again, if it is no use to ask somebody else as well; else 0.

        An instance that answers what was sent to it later is not hung: this request takes long.
        And where the others are late, too, the cause is behind them all: to ask them as well would
        only be more work for whoever is slow.
        """
        instance = self.instance
        if instance is None or now >= self._deadline or instance.state is not State.UP:
            return 0.0
        again = instance.answered + instance.patience
        if now >= again:
            if self.pool.another_answers(instance, now):
                return 0.0
            again = now + instance.patience
        return min(again, self._deadline)

    def _another(self, failure: Failure, now: float) -> Instance | None:
        """Blames the instance, and finds the one for another try, if there may be one."""
        self._blame(failure, now)
        failed = self.instance
        if now >= self._deadline or failed is None:
            return None
        self._failures = self._failures or Failures(self.pool, self.tie)
        return self._failures.another(
            failure,
            failed,
            now,
            repeatable=self.repeatable,
            whole=self._whole,
            tries=self.tries,
        )

    def _blame(self, failure: Failure, now: float) -> None:
        instance = self.instance
        if instance is None or (failure is Failure.TIMEOUT and self._hurried(instance, now)):
            return
        self._failures = self._failures or Failures(self.pool, self.tie)
        self._failures.add(instance, failure, now)

    def _hurried(self, instance: Instance, now: float) -> bool:
        """Did its caller want it sooner than we would have asked for? That proves nothing.

        Anybody may send X-Request-Timeout-Ms: it must not bring an instance out of its pool.
        """
        return self.head.timeout_ms is not None and now - self.sent_at < instance.patience

    def _excused(self, instance: Instance, head: ResponseHead, now: float) -> bool:
        """Does it only say that its caller's own time was too short?"""
        return head.status == _DEADLINE_MISSED and self._hurried(instance, now)

    def _erred(self, instance: Instance, head: ResponseHead, now: float) -> bool:
        """An answer that says `my fault`: is somebody else asked instead of passing it on?"""
        settings = self.pool.settings
        if not (settings.retry.errors and head.status in settings.eject.statuses):
            return False
        if self._excused(instance, head, now) or decided(head) or not self._received:
            return False
        if not self.pool.another_does_better(instance):
            return False
        other = self._another(Failure.ERROR, now)
        if other is None:
            return False
        self._drop_link()
        self._note(f"status {head.status}", now)
        self._leave()
        self.pool.retried(instance)
        self._try(other, now, False)
        return True

    def _note(self, outcome: str, now: float) -> None:
        """How this try ended, for the access log."""
        if self.instance is not None:
            self.past += ((self.instance.name, outcome, now - self.tried_at),)

    def _leave(self) -> Instance | None:
        instance, self.instance = self.instance, None
        if instance is not None:
            instance.in_flight -= 1
        return instance

    # ---- tries that were late -----------------------------------------------------------------

    def late_failed(self, late: Late, failure: Failure) -> None:
        """This one will not be answered."""
        now = clock()
        if self._failures is not None:
            self._failures.add(late.instance, failure, now)
        self.drop_late(late, failure.value, now)

    def drop_late(self, late: Late, outcome: str, now: float) -> None:
        """This one will not give the answer."""
        self._lates = tuple(other for other in self._lates if other is not late)
        self.past += ((late.instance.name, outcome, now - late.tried_at),)
        late.drop(now)

    def take_back(self, late: Late, now: float) -> None:
        """It was answered first: it is the try again, and all others end."""
        if self.dialing is not None:
            self._stop_dialing()
        self._drop_link()
        self._note(_OVERTAKEN, now)
        self._leave()
        self._resume(late)
        self._drop_lates(now)

    def _wait_for_late(self) -> None:
        """Nobody else can be asked: what is left are the tries that were late."""
        self._resume(self._lates[-1])
        self.phase = SENT
        self.due = self._deadline

    def _resume(self, late: Late) -> None:
        self._lates = tuple(other for other in self._lates if other is not late)
        self.instance, self._link = late.instance, late.link
        self.tried_at, self.sent_at = late.tried_at, late.sent_at
        late.link.hand_over(self)

    def _drop_lates(self, now: float) -> None:
        for late in self._lates:
            self.drop_late(late, _LATE, now)

    def judge(self, instance: Instance, head: ResponseHead, now: float) -> None:
        """The instance has answered: well, or not."""
        status = head.status
        if self._excused(instance, head, now):
            return
        if status >= SERVER_ERROR:
            self.pool.erred(instance, status, now, decided=decided(head))
        elif instance.ejection.failures or instance.ejection.errors:
            instance.ejection.fine()

    @property
    def client(self) -> bytes:
        """The address of who asked first, as far as that is told by somebody who is believed."""
        return self._front.trust.client(self.head.forwarded_for, self._caller.peer)

    # ---- time ---------------------------------------------------------------------------------

    def expired(self, now: float) -> None:
        """`due` has passed."""
        phase = self.phase
        if phase is RECEIVING:
            self._give_up(problems.SLOW_BODY)
        elif phase is SENT and not self._received and not self._asks_leave:
            self._body_late(now)
        elif phase is WAITING:
            self._give_up(problems.WAITED_TOO_LONG)
        elif phase is CONNECTING:
            self._stop_dialing()
            self.connect_failed()
        elif phase is SENT:
            self._late(now)
        else:
            blameless = phase is TUNNEL or self._caller.stuck
            self._cut_off(now, None if blameless else Failure.TIMEOUT)

    def _body_late(self, now: float) -> None:
        """A body does not go on: its sender is slow, or the instance does not take it."""
        if self._link is not None and self._link.stuck:
            self._try_failed(Failure.TIMEOUT, now)
        else:
            self._give_up(problems.SLOW_BODY)

    def hurry(self) -> None:
        """The instance has fallen silent: what is not answered yet is late by now."""
        if self.phase is SENT and (self._received or self._asks_leave):
            self.due = 0.0

    # ---- the end ------------------------------------------------------------------------------

    def _give_up(self, problem: Problem) -> None:
        """Answers with a problem, unless an answer has begun: then it can only be cut off."""
        now = clock()
        if self.phase is ANSWERING:
            self._cut_off(now, None)
            return
        keep = self._keep and self._received and not self._front.draining
        self.status = problem.status
        self._end(now)
        self._caller.refuse(problem, head=self.head, request_id=self.request_id, keep=keep, now=now)

    def _cut_off(self, now: float, failure: Failure | None) -> None:
        """An answer that has begun cannot be completed."""
        if failure is not None:
            self._blame(failure, now)
        self._end(now)
        self._caller.drop()

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.drop()

    def _stop_dialing(self) -> None:
        dialing, self.dialing = self.dialing, None
        if dialing is not None:
            dialing()

    def _end(self, now: float) -> None:
        pool = self.pool
        if self.phase is WAITING:
            pool.waiting.remove(self)
        if self.dialing is not None:
            self._stop_dialing()
        if self._link is not None:
            self._drop_link()
        if self._lates:
            self._drop_lates(now)
        self._account(now)

    def _account(self, now: float) -> None:
        """Nothing of it is under way any more."""
        front, instance = self._front, self.instance
        if instance is not None:
            instance.in_flight -= 1
        self.phase = DONE
        front.active.discard(self)
        front.ended(self, now)
        if self.placed_at:
            pool = self.pool
            pool.in_flight -= 1
            if pool.waiting:
                pool.serve_waiting(now)
