"""Frees the lease of a primary that is dead, so that its standby takes over in seconds.

Patroni's lease lasts 20 seconds at least. A primary renews it every second, so etcd knows long
before it ends that nobody does. This runs beside Patroni on every member and looks once a second.
On the primary it renews its tenure (tenure.py). On another member, when all of this holds, it takes
the leader's key and membership out of etcd; Patroni does the rest, by its own rules, as if the
lease had ended.

1. This member is the synchronous standby, by the word of a majority of etcd. So it has everything
   that was ever acknowledged, and nobody else may be promoted.
2. The lease was not renewed for PATIENCE seconds. (A new leader of etcd gives every lease its whole
   time again: that is no renewal, and a zone may have both, etcd's leader and the primary.)
3. Its tenure was seen unchanged for STILL_SECONDS: it is over. A primary that is cut off may run on
   for longer, but knows that what it has may be old.
4. Asked then, which takes another second, the primary does not answer, and no member receives
   from it.
5. In the instant of the change the keys of leader, synchronous standby and tenure are the same.

It does not have to be right: a primary that lives after all cannot acknowledge anything without
this standby, and Patroni changes who that is by compare-and-swap on a key that a promotion changes
first; nor does it answer strong reads by itself. What a mistake costs is an interruption.
docs/decisions/0008-postgres-failover.md has the whole of it.

Only the standard library: it runs on Debian's Python, in 15 MiB.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import tenure
from .etcd import Etcd, Lease, View, ask
from .tenure import STILL_SECONDS, Stillness

LOOK_SECONDS = 1.0
LOOK_CLOSELY_SECONDS = 0.5
PATIENCE_SECONDS = 5
DOUBT_SECONDS = 2
_ROUNDING_SECONDS = 1.5  # etcd tells whole seconds, and its answer takes a while


class Silence:
    """For how long a lease was not renewed, look by look."""

    def __init__(self) -> None:
        self._lease = self._term = 0
        self._looked_at = self._renewed_at = 0.0
        self._given_anew_at = -math.inf

    def seconds(self, now: float, lease: int, told: Lease) -> float:
        """As of `now`, exact to a second, or two after an election."""
        renewed_at = now - (told.granted - told.left)
        if lease != self._lease:
            self._given_anew_at = -math.inf
        elif told.term != self._term:
            self._given_anew_at = renewed_at
            self._renewed_at = self._looked_at  # until then it may have been renewed
        if renewed_at > self._given_anew_at + _ROUNDING_SECONDS:
            self._renewed_at = renewed_at
        self._lease, self._term, self._looked_at = lease, told.term, now
        return now - self._renewed_at


def dead(primary: dict[str, Any] | None, others: Iterable[dict[str, Any] | None]) -> bool:
    """Rule 4, from what Patroni says on each member; None where it did not answer in time."""
    return primary is None and not any(
        o and o.get("replication_state") == "streaming" for o in others
    )


class Successor:
    """What a member does that is not the primary."""

    def __init__(
        self,
        etcd: Etcd,
        me: str,
        threads: ThreadPoolExecutor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._etcd = etcd
        self._me = me
        self._threads = threads
        self._clock = clock
        self._silence = Silence()
        self._stillness = Stillness()

    def look(self, view: View) -> float:
        """One look at what etcd just said; returns the seconds until the next.

        Raises:
            OSError: etcd does not answer: nothing can be done, and nothing is.
        """
        still = self._stillness.seconds(self._clock(), view.tenure)
        if view.leader is None or view.standby != self._me or view.paused:
            return LOOK_SECONDS
        lease = self._etcd.lease(view.leader.lease)
        silent = self._silence.seconds(self._clock(), view.leader.lease, lease)
        if silent < PATIENCE_SECONDS:
            return LOOK_SECONDS if silent < DOUBT_SECONDS else LOOK_CLOSELY_SECONDS
        if still >= STILL_SECONDS and self._is_dead(view.leader.value, view.members):
            primary = view.leader.value
            if self._etcd.take_out_leader(view):
                _say(f"{primary} renews no lease, does not answer and sends nothing: taken out")
        return LOOK_CLOSELY_SECONDS

    def _is_dead(self, primary: str, members: dict[str, str]) -> bool:
        answers = dict(zip(members, self._threads.map(_status, members.values()), strict=True))
        return dead(answers.pop(primary, None), answers.values())


def _status(member: str) -> dict[str, Any] | None:
    return ask(member) if member else None


def _say(text: str) -> None:
    sys.stdout.write(f"successor: {text}\n")
    sys.stdout.flush()


def main() -> None:
    """Looks until it is stopped. Environment: INSTANCE, REGION, ETCD_NODES."""
    etcd, me = Etcd.of_this_member(), os.environ["INSTANCE"]
    pause = LOOK_SECONDS
    with ThreadPoolExecutor(4) as threads:
        successor = Successor(etcd, me, threads)
        while True:
            time.sleep(pause)
            pause = LOOK_SECONDS
            try:
                view = etcd.view()
                if view.leader is not None and view.leader.value == me:
                    tenure.renew(etcd, view.leader)
                else:
                    pause = successor.look(view)
            except OSError as error:
                _say(str(error))


if __name__ == "__main__":
    main()
