"""What the workers tell each other, so that callers meet one balancer whichever of them answers.

1. The leader asks instances and discovery, and tells all others what it knows: each second, and
   within a fifth of one when it has changed.
2. Whoever ejects an instance by its own traffic tells everybody at once.
3. Whoever has met a failure asks the leader to have a look at that instance now.
4. Each tells its counters once a second; the leader has those of all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from loadbalancer.observe import report
from loadbalancer.workers.view import View, follow, view

if TYPE_CHECKING:
    from loadbalancer.parts import Parts
    from loadbalancer.pools.instance import Instance
    from loadbalancer.pools.pool import Pool
    from loadbalancer.workers.mate import Mate, Message

_NEVER = float("inf")
_REPLY_SECONDS = 10.0
VIEW_SECONDS = 0.2
BEAT_SECONDS = 1.0


class Agreement:
    """See the top of this file."""

    def __init__(
        self,
        mate: Mate,
        parts: Parts,
        clock: Callable[[], float],
        *,
        lead: Callable[[], None],
        become: Callable[[str, int], None],
        event: Callable[[str], None],
        own: Callable[[], report.Numbers],
    ) -> None:
        """Whom to call: `lead` when this worker is to lead, `become` with the text of another
        configuration and the number of workers, `event` with what the parent had to tell; `own`
        for what this worker has counted.
        """  # noqa: D205 - one sentence
        self._mate = mate
        self._parts = parts
        self._clock = clock
        self._lead = lead
        self._own = own
        self._heard: dict[str, Callable[[Message], None]] = {
            "view": self._hear_view,
            "ejected": self._eject,
            "look": self._look,
            "numbers": self._hear_numbers,
            "joined": self._hear_joined,
            "config": lambda m: become(m["text"], m["workers"]),
            "reloaded": self._hear_reply,
            "event": lambda m: event(m["line"]),
            "lead": self._take_the_lead,
        }
        self._told: View = {}
        self._tell_at = 0.0
        self._said_at = 0.0
        self._beat_at = 0.0
        self._seen: View | None = None
        self._others: dict[int, report.Numbers] = {}
        self._replies: list[asyncio.Future[str]] = []
        self.leading = False
        self.first_word = asyncio.Event()
        """It is known what the others know, or that nobody knows more than we."""

    def hear(self, message: Message) -> None:
        """The parent, or another worker, says something."""
        self._heard[message["kind"]](message)

    def _hear_view(self, message: Message) -> None:
        self._seen = message["pools"]
        self.follow()
        self.first_word.set()

    def _hear_numbers(self, message: Message) -> None:
        self._others[message["worker"]] = message["numbers"]

    def _hear_joined(self, _: Message) -> None:
        self._told, self._tell_at = {}, 0.0

    def _hear_reply(self, message: Message) -> None:
        if self._replies and not (reply := self._replies.pop(0)).done():
            reply.set_result(message["wrong"])

    def _take_the_lead(self, _: Message) -> None:
        self.leading = True
        now = self._clock()
        for instance in self._parts.instances():
            instance.check.due = now
        self.first_word.set()
        self._lead()

    def follow(self) -> None:
        """Takes over what the leader said last; to be called when there are other pools, too."""
        if self._seen is not None and not self.leading:
            follow(self._parts.pools, self._seen, self._clock())

    # ---- failures -----------------------------------------------------------------------------

    def attach(self) -> None:
        """Hears of every pool's ejections; to be called when there are other pools."""
        for pool in self._parts.pools.values():
            pool.ejected = partial(self._ejected, pool)

    def _ejected(self, pool: Pool, instance: Instance) -> None:
        self._mate.send(
            "others",
            "ejected",
            pool=pool.name,
            address=instance.address,
            reason=instance.ejection.reason,
            total=instance.ejection.total,
        )

    def _find(self, message: Message) -> tuple[Pool, Instance] | None:
        pool = self._parts.pools.get(message["pool"])
        instance = pool.instances.get(message["address"]) if pool else None
        return (pool, instance) if pool and instance else None

    def _eject(self, message: Message) -> None:
        found = self._find(message)
        if found is None:
            return
        pool, instance = found
        ejection, now = instance.ejection, self._clock()
        if not ejection.active:
            ejection.eject(message["reason"], now)
            pool.refresh(now)
            pool.hurry(instance)
        ejection.total = max(ejection.total, message["total"])

    def _look(self, message: Message) -> None:
        found = self._find(message)
        if found and self.leading and not found[1].check.running:
            found[1].check.due = self._clock()

    # ---- time ---------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Several times a second."""
        if self.leading:
            if now >= self._tell_at:
                self._tell_view(now)
        else:
            self._ask_for_looks(now)
        if now >= self._beat_at:
            self._beat_at = now + BEAT_SECONDS
            self._mate.send("parent", "beat", numbers=self._own())

    def _tell_view(self, now: float) -> None:
        """All is told each second, at every fifth look."""
        seen = view(self._parts.pools.values(), now)
        self._tell_at = now + VIEW_SECONDS
        if seen != self._told or now - self._said_at >= BEAT_SECONDS:
            self._told, self._said_at = seen, now
            self._mate.send("others", "view", pools=seen)

    def _ask_for_looks(self, now: float) -> None:
        for pool in self._parts.pools.values():
            for instance in pool.instances.values():
                if instance.check.due <= now:
                    instance.check.due = _NEVER
                    self._mate.send("leader", "look", pool=pool.name, address=instance.address)

    # ---- numbers and commands -----------------------------------------------------------------

    def numbers(self) -> report.Numbers:
        """Those of all workers, and of those that died; others' are up to a second old."""
        both: report.Numbers = self._own()
        for other in self._others.values():
            both = report.add(both, other)
        return both

    async def reload(self, asked_by: str) -> str:
        """Has the parent take the configuration as it is by now; gives why not, if it did not."""
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._replies.append(reply)
        self._mate.send("parent", "reload", asked_by=asked_by)
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                return await reply
        except TimeoutError:
            return "no answer from the parent process"
