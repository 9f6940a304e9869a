"""One request and its answer: admitted, tried on an instance or several, answered, accounted for.

    receiving → waiting → connecting → sent → answering → done
                               ↑________|  ↘ tunnel ↗

1. A body up to `keep_body` is received whole before an instance is chosen, so that a slow sender
   occupies none, and every try has all of it. A longer one flows through from then on.
2. `due` is when something must have happened; what that is follows from the phase.
3. Whatever ends an exchange goes through `_end`, once.

No socket is touched here: the caller's side and the instance's side are given.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic as clock
from typing import TYPE_CHECKING

from loadbalancer import problems
from loadbalancer.pools.failures import Failures
from loadbalancer.pools.retry import Failure
from loadbalancer.sides import (
    ANSWERING,
    CONNECTING,
    DONE,
    RECEIVING,
    SENT,
    TUNNEL,
    WAITING,
    CallerSide,
    LinkSide,
    Phase,
)
from loadbalancer.upload import Upload
from loadbalancer.wire.body import Body, UntilClose
from loadbalancer.wire.framing import AT_ONCE, Framing, framing
from loadbalancer.wire.reject import Problem, Reject
from loadbalancer.wire.response import FINAL, SWITCHING, ResponseHead

if TYPE_CHECKING:
    from loadbalancer.front import Front
    from loadbalancer.pools.instance import Instance
    from loadbalancer.pools.pool import Pool
    from loadbalancer.wire.request import RequestHead

_SERVER_ERROR = 500
_UNAVAILABLE = 503
_CALLER_LEFT = 499
"""nginx's number for it; nobody sees it but the log."""


class Exchange:
    """See the top of this file.

    Attributes:
        tries: how often the request was sent.
        dialing: ends the attempt to open a connection; None if there is none.
    """

    __slots__ = (
        "_admitted", "_caller", "_deadline", "_failures", "_framing", "_front", "_head_bytes",
        "_keep", "_link", "_reusable", "_seconds", "_sent_at", "_upload", "began", "dialing",
        "due", "head", "instance", "phase", "pool", "status", "tries",
    )  # fmt: skip

    def __init__(
        self, caller: CallerSide, front: Front, pool: Pool, head: RequestHead, now: float
    ) -> None:
        self._caller = caller
        self._front = front
        self.pool = pool
        self.head = head
        self.began = now
        self.due = 0.0
        self.phase: Phase = RECEIVING
        self.status = 0
        self.tries = 0
        self.instance: Instance | None = None
        self.dialing: Callable[[], object] | None = None
        self._upload: Upload | None = None
        self._seconds = pool.settings.deadline
        if head.timeout_ms is not None:
            self._seconds = min(self._seconds, head.timeout_ms / 1000)
        self._deadline = 0.0
        self._head_bytes = b""
        self._admitted = False
        self._link: LinkSide | None = None
        self._failures: Failures | None = None
        self._sent_at = 0.0
        self._framing: Framing | None = None
        self._keep = head.keep_alive
        self._reusable = False

    @property
    def receiving(self) -> bool:
        """Is there more to come from the caller?"""
        return not self._received or self.phase is TUNNEL

    @property
    def answering(self) -> bool:
        """Has the answer's head come?"""
        return self.phase is ANSWERING or self.phase is TUNNEL

    # ---- the request --------------------------------------------------------------------------

    def begin(self, rest: bytes) -> bytes:
        """Starts with what came after the head; gives what is not part of this request."""
        head, front, now = self.head, self._front, self.began
        self.pool.budget.requests += 1
        front.active.add(self)
        if head.length == 0:
            self._admit(now)
            return rest
        self._upload = Upload(front.body_of(head), self.pool.settings.retry.keep_body)
        self._expect_body(now)
        if rest:
            rest = self.receive(rest)
        if self.phase is RECEIVING and head.expects_continue:
            self._admit(now)
        return rest

    def receive(self, data: bytes) -> bytes:
        """More from the caller; gives what is not part of this request."""
        upload, link, now = self._upload, self._link, clock()
        if self.phase is TUNNEL and link is not None:
            link.write(data)
            self.due = now + self._front.settings.tunnel_idle
            return b""
        if upload is None:
            return data
        try:
            out = upload.feed(data)
        except Reject as reject:
            self._give_up(reject.problem)
            return b""
        if link is not None:
            link.write(out)
            upload.sent()
            if self.phase is SENT:
                self._expect_answer(now)
        elif self.phase is not RECEIVING:
            if upload.long:
                self._caller.pause()
        elif upload.done or upload.long:
            self._admit(now)
        else:
            self._expect_body(now)
        return upload.rest

    @property
    def _received(self) -> bool:
        return self._upload is None or self._upload.done

    def _expect_body(self, now: float) -> None:
        settings = self._front.settings
        self.due = min(now + settings.body_idle, self.began + settings.body_total)

    # ---- the tries ----------------------------------------------------------------------------

    def _admit(self, now: float) -> None:
        """The pool takes it, or lets it wait for a place, or is full."""
        pool, settings = self.pool, self.pool.settings
        self._deadline = now + self._seconds
        self._head_bytes = self._front.hop.request(self.head, self._caller.peer, pool.host)
        instance = pool.pick() if pool.in_flight < settings.max_requests else None
        if self._seconds <= 0:
            self._give_up(problems.GIVEN_UP[Failure.TIMEOUT])
        elif instance is not None:
            self.place_found(instance, now)
        elif not pool.usable:
            self._give_up(problems.NO_INSTANCE)
        elif len(pool.waiting) >= settings.max_waiting:
            self._give_up(problems.TOO_MANY_WAIT)
        else:
            self.phase = WAITING
            self.due = min(now + settings.max_wait, self._deadline)
            pool.waiting.append(self)

    def place_found(self, instance: Instance, now: float) -> None:
        """There is a place for it in the pool, on this instance."""
        self._admitted = True
        self.pool.in_flight += 1
        self._try(instance, now)

    def _try(self, instance: Instance, now: float, *, afresh: bool = False) -> None:
        self.instance = instance
        instance.in_flight += 1
        link = None if afresh else self._front.pooled(instance)
        if link is not None:
            self.connected(link, now)
            return
        self.phase = CONNECTING
        self.due = min(now + self.pool.settings.connect, self._deadline)
        self._front.dial(instance, self)

    def connected(self, link: LinkSide, now: float) -> None:
        """There is a connection: the request goes out."""
        self.dialing = None
        self._link = link
        self.tries += 1
        self._sent_at = now
        self.phase = SENT
        left = max(1, int((self._deadline - now) * 1000))
        data = b"%b\r\nX-Request-Timeout-Ms: %d\r\n\r\n" % (self._head_bytes, left)
        if self._upload is not None:
            data += self._upload.send()
            self._caller.resume()
        link.carry(self, data)
        self._expect_answer(now)

    def _expect_answer(self, now: float) -> None:
        upload, instance = self._upload, self.instance
        if upload is not None:
            if not upload.done:
                self._expect_body(now)
                return
            if not upload.whole:  # patience with the answer begins when a long body ends
                self.due = self._deadline = now + self._seconds
                return
        self.due = self._deadline
        if instance is not None and self.head.repeatable:
            late = now + instance.patience
            if late < self.due and self.tries < self.pool.settings.retry.tries:
                self.due = late

    @property
    def _whole(self) -> bool:
        return self._upload is None or self._upload.whole

    def connect_failed(self) -> None:
        """No connection could be made: nothing was sent."""
        self.dialing = None
        self._try_failed(Failure.CONNECT, clock())

    def link_lost(self) -> None:
        """The connection to the instance is gone."""
        link, self._link = self._link, None
        now = clock()
        if self.phase is SENT:
            stale = link is not None and link.stale
            self._try_failed(Failure.STALE if stale else Failure.RESET, now)
        elif self.phase is TUNNEL:
            self._end(now)
            self._caller.done(now, keep=False)
        elif self._framing is not None and isinstance(self._framing.body, UntilClose):
            self._caller.write(self._framing.end)
            self._complete(now)
        else:
            self._cut_off(now, Failure.RESET)

    def nonsense(self) -> None:
        """The instance's answer broke the rules."""
        now = clock()
        if self.phase is SENT:
            self._drop_link()
            self._try_failed(Failure.NONSENSE, now)
        else:
            self._cut_off(now, Failure.NONSENSE)

    def _try_failed(self, failure: Failure, now: float) -> None:
        """This try will have no answer."""
        other, failed = self._another(failure, now), self.instance
        if other is None or failed is None:
            self._give_up(problems.GIVEN_UP[failure])
            return
        self._leave(failed)
        if failure is Failure.STALE:
            self.tries -= 1
        self._try(other, now, afresh=failure is Failure.STALE)

    def _late(self, now: float) -> None:
        """No answer: elsewhere, if that is possible; else it may still come until the deadline."""
        other, instance = self._another(Failure.TIMEOUT, now), self.instance
        if now >= self._deadline:
            self._give_up(problems.GIVEN_UP[Failure.TIMEOUT])
        elif other is None or instance is None:
            self.due = self._deadline
        else:
            instance.meter.observe(now - self._sent_at)  # it took at least so long
            self._drop_link()
            self._leave(instance)
            self._try(other, now)

    def _another(self, failure: Failure, now: float) -> Instance | None:
        """Blames the instance, and finds the one for another try, if there may be one."""
        self._blame(failure, now)
        if now >= self._deadline or self._failures is None:
            return None
        return self._failures.another(
            failure, repeatable=self.head.repeatable, whole=self._whole, tries=self.tries
        )

    def _blame(self, failure: Failure, now: float) -> None:
        if self.instance is not None:
            self._failures = self._failures or Failures(self.pool)
            self._failures.add(self.instance, failure, now)

    def _leave(self, instance: Instance) -> None:
        instance.in_flight -= 1
        self.instance = None
        self.pool.retried(instance)

    # ---- the answer ---------------------------------------------------------------------------

    def answer(self, head: ResponseHead, rest: bytes) -> bool:
        """The head of an answer came, and bytes after it. Gives whether another head follows."""
        caller, front, minor = self._caller, self._front, self.head.minor
        if head.status < FINAL:
            if head.status == SWITCHING:
                self._tunnel(head, rest)
                return False
            if minor:
                caller.write(front.hop.interim(head))
            return True
        self.phase = ANSWERING
        self.status = head.status
        now = clock()
        self._judge(head, now)
        if len(rest) == head.length and not head.bodyless:
            way = AT_ONCE
        else:
            way = framing(head, minor, front.limits, front.trailers)
        self._framing = way
        received = self._upload is None or self._upload.done
        self._keep = self._keep and received and not way.by_close and not front.draining
        self._reusable = head.keep_alive and received
        if caller.stuck and self._link is not None:
            self._link.pause()
        connection = b"close" if not self._keep else b"" if minor else b"keep-alive"
        data = front.hop.response(head, chunked=way.chunked, connection=connection)
        if way is AT_ONCE:
            caller.write(data + rest)
            self._complete(now)
        elif way.body is None:
            caller.write(data)
            self._reusable = self._reusable and not rest
            self._complete(now)
        else:
            self._pass_back(way, way.body, rest, data, now)
        return False

    def _judge(self, head: ResponseHead, now: float) -> None:
        """The instance has answered: well, or not."""
        instance, status = self.instance, head.status
        if instance is not None and status >= _SERVER_ERROR:
            decided = status == _UNAVAILABLE and head.field(b"retry-after") != b""
            self.pool.erred(instance, status, now, decided=decided)
        elif instance is not None and (instance.ejection.failures or instance.ejection.errors):
            instance.ejection.fine()

    def answer_data(self, data: bytes) -> None:
        """More of the answer's body, or of a tunnel."""
        way = self._framing
        if self.phase is TUNNEL:
            self._caller.write(data)
            self.due = clock() + self._front.settings.tunnel_idle
        elif way is not None and way.body is not None:
            self._pass_back(way, way.body, data, b"", clock())

    def _pass_back(self, way: Framing, body: Body, data: bytes, before: bytes, now: float) -> None:
        try:
            out = body.feed(data) if data else b""
        except Reject:
            self.nonsense()
            return
        if way.wraps:
            out = way.write(out)
        self._caller.write(before + out if before else out)
        if body.done:
            self._reusable = self._reusable and not body.rest
            self._complete(now)
        else:
            self.due = now + self.pool.settings.stall

    def _tunnel(self, head: ResponseHead, rest: bytes) -> None:
        if not self.head.upgrade or self.receiving:
            self.nonsense()
            return
        self.phase, self.status, self._keep = TUNNEL, SWITCHING, False
        self.due = clock() + self._front.settings.tunnel_idle
        self._caller.write(self._front.hop.switching(head) + rest)

    # ---- from outside -------------------------------------------------------------------------

    def expired(self, now: float) -> None:
        """`due` has passed."""
        phase = self.phase
        if phase is RECEIVING or (phase is SENT and not self._received):
            self._give_up(problems.SLOW_BODY)
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

    def hurry(self) -> None:
        """The instance has fallen silent: what is not answered yet is late by now."""
        if self.phase is SENT and self._received:
            self.due = 0.0

    def caller_lost(self) -> None:
        """Nobody waits for the answer any more."""
        if self.phase is not DONE:
            self.status = _CALLER_LEFT
            self._end(clock())

    def caller_half_closed(self) -> bool:
        """The caller will send no more; gives whether it may still want to hear something."""
        if self.phase is TUNNEL and self._link is not None:
            self._link.half_close()
        return self._received

    def link_half_closed(self) -> bool:
        """The instance will send no more; gives whether it may still want to hear something."""
        if self.phase is TUNNEL:
            self._caller.half_close()
        return self.phase is TUNNEL

    def hold_back_instance(self, *, stuck: bool) -> None:
        """The caller reads more slowly than the instance answers, or has caught up."""
        link = self._link
        if link is not None:
            (link.pause if stuck else link.resume)()
        if self.phase is ANSWERING:
            self.due = clock() + self.pool.settings.stall

    def hold_back_caller(self, *, stuck: bool) -> None:
        """The instance reads more slowly than the caller sends, or has caught up."""
        (self._caller.pause if stuck else self._caller.resume)()

    # ---- the end ------------------------------------------------------------------------------

    def _complete(self, now: float) -> None:
        """The whole answer was passed back."""
        if self.instance is not None:
            self.instance.meter.observe(now - self._sent_at)
        link, self._link = self._link, None
        if link is not None:
            if self._reusable:
                link.release(now)
            else:
                link.drop()
        self._end(now)
        self._caller.done(now, keep=self._keep)

    def _give_up(self, problem: Problem) -> None:
        """Answers with a problem, unless an answer has begun: then it can only be cut off."""
        now = clock()
        if self.phase is ANSWERING:
            self._cut_off(now, None)
            return
        keep = self._keep and self._received and not self._front.draining
        self.status = problem.status
        self._end(now)
        self._caller.refuse(problem, head=self.head, keep=keep, now=now)

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
        if self.instance is not None:
            self.instance.in_flight -= 1
        self.phase = DONE
        self._front.active.discard(self)
        self._front.ended(self, now)
        if self._admitted:
            pool.in_flight -= 1
            if pool.waiting:
                pool.serve_waiting(now)
