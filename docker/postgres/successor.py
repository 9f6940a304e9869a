"""Frees the lease of a primary that is dead, so that its standby takes over in seconds.

Patroni's lease lasts 20 seconds at least. A primary renews it every second, so etcd knows long
before it ends that nobody does. This runs beside Patroni on every member and looks once a second.
When all of this holds, it takes the leader's key and membership out of etcd; Patroni does the
rest, by its own rules, as if the lease had ended.

1. This member is the synchronous standby, by the word of a majority of etcd. So it has everything
   that was ever acknowledged, and nobody else may be promoted.
2. The lease was not renewed for PATIENCE seconds.
3. Asked then, which takes another second, the primary does not answer, and no member receives from
   it. So much time has a primary that is cut off to step down by itself (loop_wait +
   retry_timeout, and a second or two to look around).
4. In the instant of the change the keys of leader and synchronous standby are still the same.

It does not have to be right: a primary that lives after all cannot acknowledge anything without
this standby, and Patroni changes who that is by compare-and-swap on a key that a promotion changes
first. What a mistake costs is an interruption. docs/decisions/0008-postgres-failover.md has the
whole of it.

Only the standard library: it runs on Debian's Python, in 15 MiB.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .etcd import Etcd, ask

LOOK_SECONDS = 1.0
LOOK_CLOSELY_SECONDS = 0.5
PATIENCE_SECONDS = 5
DOUBT_SECONDS = 2


def dead(primary: dict[str, Any] | None, others: Iterable[dict[str, Any] | None]) -> bool:
    """Rule 3, from what Patroni says on each member; None where it did not answer in time."""
    return primary is None and not any(
        o and o.get("replication_state") == "streaming" for o in others
    )


def look(etcd: Etcd, me: str, threads: ThreadPoolExecutor) -> float:
    """One look; returns the seconds until the next.

    Raises:
        OSError: etcd does not answer: nothing can be done, and nothing is.
    """
    view = etcd.view()
    if view.leader is None or view.standby != me or view.paused:
        return LOOK_SECONDS
    granted, left = etcd.lease(view.leader.lease)
    if granted - left < PATIENCE_SECONDS:
        return LOOK_SECONDS if granted - left < DOUBT_SECONDS else LOOK_CLOSELY_SECONDS
    primary = view.leader.value
    answers = dict(zip(view.members, threads.map(_status, view.members.values()), strict=True))
    if not dead(answers.pop(primary, None), answers.values()):
        return LOOK_CLOSELY_SECONDS
    if etcd.take_out_leader(view):
        _say(f"{primary} does not renew its lease, does not answer and sends nothing: taken out")
    return LOOK_CLOSELY_SECONDS


def _status(member: str) -> dict[str, Any] | None:
    return ask(member) if member else None


def _say(text: str) -> None:
    sys.stdout.write(f"successor: {text}\n")
    sys.stdout.flush()


def main() -> None:
    """Looks until it is stopped. Environment: INSTANCE, REGION, ETCD_NODES."""
    etcd = Etcd.of_this_member()
    pause = LOOK_SECONDS
    with ThreadPoolExecutor(4) as threads:
        while True:
            time.sleep(pause)
            try:
                pause = look(etcd, os.environ["INSTANCE"], threads)
            except OSError as error:
                _say(str(error))
                pause = LOOK_SECONDS


if __name__ == "__main__":
    main()
