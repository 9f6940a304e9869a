"""One request and its answer: admitted, tried on an instance or several, answered, accounted for.

    receiving → waiting → connecting → sent → answering → done
                               ↑________|  ↘ tunnel ↗

1. A body up to `keep_body` is received whole before an instance is chosen, so that a slow sender
   occupies none, and every try has all of it. A longer one flows through from then on.
2. Tries, and all that ends without an instance's answer, are in `tries.py`; the way of the request
   to them and of the answer back are here.

No socket is touched here: the caller's side and the instance's side are given.
"""

from __future__ import annotations

from time import monotonic as clock
from typing import Final

from loadbalancer.datapath.late import settles
from loadbalancer.datapath.sides import ANSWERING, DONE, RECEIVING, SENT, TUNNEL
from loadbalancer.datapath.tries import SERVER_ERROR, Tries
from loadbalancer.datapath.upload import Upload
from loadbalancer.pools.affinity import Tie
from loadbalancer.pools.retry import Failure
from loadbalancer.wire.body import Body, UntilClose
from loadbalancer.wire.canonical import CONTINUE
from loadbalancer.wire.framing import Framing, framing
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.response import CONTINUING, FINAL, SWITCHING, ResponseHead

_CALLER_LEFT: Final = 499
"""nginx's number for it; nobody sees it but the log."""


class Exchange(Tries):
    """See the top of this file."""

    __slots__ = ()

    @property
    def receiving(self) -> bool:
        """Is there more to come from the caller?"""
        return not self._received or self.phase is TUNNEL

    # ---- the request --------------------------------------------------------------------------

    def begin(self, rest: bytes) -> bytes:
        """Starts with what came after the head; gives what is not part of this request."""
        head, front, now = self.head, self._front, self.began
        self.pool.budget.requests += 1
        front.active.add(self)
        if head.length == 0:
            self._admit(now)
            return rest
        keep_body = self.pool.settings.retry.keep_body
        self._upload = Upload(front.body_of(head), keep_body)
        self._expect_body(now)
        if rest:
            rest = self.receive(rest)
        elif head.expects_continue and head.length is not None and head.length > keep_body:
            self._asks_leave = True
            self._admit(now)
        elif head.expects_continue:
            self._caller.write(CONTINUE)  # it is received whole before anybody is asked
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
        self._asks_leave = False
        try:
            out = upload.feed(data)
        except Reject as reject:
            self._give_up(reject.problem)
            return b""
        if link is not None:
            link.write(out)
            if link.stuck:  # whoever read on did not know
                self._caller.pause()
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

    # ---- the instance -------------------------------------------------------------------------

    def link_lost(self, *, broken: bool = True) -> None:
        """The connection to the instance is gone; in good order, unless it is `broken`."""
        link, self._link = self._link, None
        now = clock()
        if self.phase is SENT:
            stale = link is not None and link.stale
            self._try_failed(Failure.STALE if stale else Failure.RESET, now)
        elif self.phase is TUNNEL:
            self._end(now)
            self._caller.done(now, False)
        elif (
            not broken and self._framing is not None and isinstance(self._framing.body, UntilClose)
        ):
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

    # ---- the answer ---------------------------------------------------------------------------

    def answer(self, head: ResponseHead, rest: bytes) -> bool:
        """The head of an answer came, and bytes after it. Gives whether another head follows."""
        status, instance = head.status, self.instance
        if status < FINAL:
            return self._interim(head, rest)
        now = clock()
        if status >= SERVER_ERROR or self._lates or self.tie is not None or (
            instance is not None and (instance.ejection.failures or instance.ejection.errors)
        ):  # fmt: skip
            accepted = self._accept(head, now)
            if accepted is None:
                return False
            head = accepted
        self.status = status
        self.answered_at = now
        self._reusable = head.keep_alive
        front, upload = self._front, self._upload
        if front.draining:
            self._keep = False
        if upload is not None and not upload.done:
            self._keep = self._reusable = False
        if len(rest) != head.length or head.bodyless:
            self._begin_answer(head, rest, now)
            return False
        hop = front.hop
        if head.writer is hop and self._keep and self.head.minor:  # as `response`, without the call
            self._caller.write(head.written + rest)
        else:
            connection = b"close" if not self._keep else b"" if self.head.minor else b"keep-alive"
            self._caller.write(hop.response(head, False, connection) + rest)
        self._complete(now)
        return False

    def _begin_answer(self, head: ResponseHead, rest: bytes, now: float) -> None:
        """Not all of it came with its head, or the head is all there is."""
        caller, front, minor = self._caller, self._front, self.head.minor
        self.phase = ANSWERING
        self.answering = True
        way = self._framing = framing(head, minor, front.limits, front.trailers)
        if way.by_close:
            self._keep = False
        if caller.stuck and self._link is not None:
            self._link.pause()
        connection = b"close" if not self._keep else b"" if minor else b"keep-alive"
        data = front.hop.response(head, way.chunked, connection)
        if way.body is None:
            caller.write(data)
            # One that sends the body all the same would answer the next caller with it.
            self._reusable = self._reusable and not (rest or head.chunked or head.length)
            self._complete(now)
        else:
            self._pass_back(way, way.body, rest, data, now)

    def _interim(self, head: ResponseHead, rest: bytes) -> bool:
        if head.status == SWITCHING:
            self._tunnel(head, rest)
            return False
        if head.status == CONTINUING and self._asks_leave:
            self._asks_leave = False
            self._expect_body(clock())
        if self.head.minor:  # HTTP/1.0 does not know them
            self._caller.write(self._front.hop.interim(head))
        return True

    def _accept(self, head: ResponseHead, now: float) -> ResponseHead | None:
        """Its instance is judged by it. The head to pass back, None if it is not the answer."""
        instance = self.instance
        if instance is not None:
            self.judge(instance, head, now)
            if head.status >= SERVER_ERROR and not self._lates and self._erred(instance, head, now):
                return None
        if self._lates and not self._first(head, now):
            return None
        return head if self.tie is None else self._with_cookie(head, self.tie)

    def _with_cookie(self, head: ResponseHead, tie: Tie) -> ResponseHead:
        affinity, instance = self.pool.affinity, self.instance
        if affinity is not None and instance is not None:
            secure = self._front.hop.scheme == b"https"
            if line := affinity.set_cookie(tie, instance.token, secure=secure):
                return head.and_line(line)
        return head

    def _first(self, head: ResponseHead, now: float) -> bool:
        """Of several tries one is answered: does that settle it?"""
        if settles(head, keyed=self.head.keyed):
            self._drop_lates(now)
            return True
        self._drop_link()
        self._note(f"status {head.status}", now)
        self._leave()
        self._wait_for_late()
        return False

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
        asked = self.head.upgrade.lower().replace(b" ", b"").split(b",")
        if not head.upgrade or head.upgrade.lower() not in asked or self.receiving:
            self.nonsense()
            return
        now = clock()
        self._drop_lates(now)
        self.phase, self.status, self._keep = TUNNEL, SWITCHING, False
        self.answering = True
        self.answered_at = now
        self.due = now + self._front.settings.tunnel_idle
        caller, link = self._caller, self._link
        caller.write(self._front.hop.switching(head) + rest)
        early = caller.early()
        if link is not None:
            if early:
                link.write(early)
            if caller.ended:
                link.half_close()

    # ---- from outside -------------------------------------------------------------------------

    def caller_lost(self) -> None:
        """Nobody waits for the answer any more."""
        if self.phase is not DONE:
            self.status = _CALLER_LEFT
            self._end(clock())

    def caller_half_closed(self) -> bool:
        """The caller will send no more; gives whether it may still want to hear something."""
        link = self._link
        if self.phase is TUNNEL and link is not None:
            (link.finish if link.ended else link.half_close)()
        return self._received

    def link_half_closed(self) -> bool:
        """The instance will send no more; gives whether it may still want to hear something.

        A tunnel whose two ends have both ended is over: nothing else would ever tell us so.
        """
        if self.phase is not TUNNEL or self._caller.ended:
            return False
        self._caller.half_close()
        return True

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

    def _complete(self, now: float) -> None:
        """The whole answer was passed back."""
        instance, link = self.instance, self._link
        if instance is not None:
            instance.meter.observe(now - self.sent_at)
            if self.sent_at > instance.answered:  # noqa: PLR1730 - without the call
                instance.answered = self.sent_at
        self._link = None
        if link is not None:
            if self._reusable:
                link.release(now)
            else:
                link.drop()
        self._account(now)
        self._caller.done(now, self._keep)
