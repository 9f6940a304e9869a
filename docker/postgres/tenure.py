"""Until when this member is the primary for certain: nobody who reads here is told what was.

A primary that is cut off together with clients answers them until Patroni gives up, and that took
up to 14 s; its successor acknowledges orders after eight. So a primary renews its tenure once a
second: a key in etcd, put by a transaction that fails once somebody else is the leader. From the
moment in which it asked it has TENURE_SECONDS; a file says until when, Postgres reads that
(replication.primary_for_seconds in provision.sh), and who reads without it asks the standby instead
(chassis/store/postgres.py).

Whoever takes the part away by hand (successor.py) has seen the same tenure for STILL_SECONDS, and
etcd compares it in the instant of the change. Whoever waits for the end of the lease waits longer:
a tenure is renewed only while the lease is fresh. No clock is compared with another machine's; they
only have to run about equally fast, and this one's must not be set back.

Only the standard library: it runs on Debian's Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from .etcd import Etcd, Key

TENURE_SECONDS = 2.5
STILL_SECONDS = 3.0
FRESH_SECONDS = 5  # since the lease was renewed; it has 20
MARK = Path("/tmp/primary_until")  # noqa: S108 - the container's own, in memory


class Stillness:
    """For how long a tenure was seen unchanged; in truth it is longer."""

    def __init__(self) -> None:
        self._revision = -1
        self._since = 0.0

    def seconds(self, now: float, tenure: Key | None) -> float:
        """As of `now`, a moment after `tenure` was read."""
        revision = tenure.revision if tenure else 0
        if revision != self._revision:
            self._revision, self._since = revision, now
        return now - self._since


def renew(
    etcd: Etcd, leader: Key, mark: Path = MARK, clock: Callable[[], float] = time.time
) -> bool:
    """Whether it was renewed; `leader` is Patroni's key of that name, and names this member.

    Raises:
        OSError: etcd does not answer. The tenure that there is goes on to its end.
    """
    lease = etcd.lease(leader.lease)
    if lease.granted - lease.left > FRESH_SECONDS:
        return False  # Patroni does not renew it: somebody may wait for its end
    asked_at = clock()
    if not etcd.renew_tenure(leader):
        return False
    written = mark.with_suffix(".new")
    written.write_text(f"{asked_at + TENURE_SECONDS:.3f}\n")
    written.replace(mark)
    return True
