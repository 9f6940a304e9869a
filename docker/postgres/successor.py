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

import base64
import http.client
import json
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LOOK_SECONDS = 1.0
LOOK_CLOSELY_SECONDS = 0.5
PATIENCE_SECONDS = 5
DOUBT_SECONDS = 2
ANSWER_SECONDS = 1.0
_OK = 200


@dataclass(frozen=True, slots=True)
class Key:
    """A key of etcd: its value, its version, and the lease that keeps it (0: none)."""

    value: str
    revision: int
    lease: int


@dataclass(frozen=True, slots=True)
class View:
    """What etcd says of the cluster. Names are instances, addresses are URLs of Patroni."""

    leader: Key | None
    sync: Key | None
    members: dict[str, str] = field(default_factory=dict)
    paused: bool = False

    @property
    def standby(self) -> str:
        """Who is the synchronous standby of who is the leader; empty if nobody is."""
        state = json.loads(self.sync.value) if self.sync else {}
        if self.leader is None or state.get("leader") != self.leader.value:
            return ""
        return str(state.get("sync_standby") or "")


def dead(primary: dict[str, Any] | None, others: Iterable[dict[str, Any] | None]) -> bool:
    """Rule 3, from what Patroni says on each member; None where it did not answer in time."""
    return primary is None and not any(
        o and o.get("replication_state") == "streaming" for o in others
    )


def read_view(nodes: Iterable[dict[str, Any]], prefix: str) -> View:
    """Reads the answer to a range over `prefix`."""
    keys = {
        _text(n["key"]).removeprefix(prefix): Key(
            _text(n.get("value", "")), int(n["mod_revision"]), int(n.get("lease", 0))
        )
        for n in nodes
    }
    members = {
        name.removeprefix("members/"): str(json.loads(key.value).get("api_url", ""))
        for name, key in keys.items()
        if name.startswith("members/")
    }
    config = keys.get("config")
    paused = bool(config and json.loads(config.value).get("pause"))
    return View(keys.get("leader"), keys.get("sync"), members, paused)


def removal(view: View, prefix: str) -> dict[str, Any]:
    """Rule 4: the transaction that takes the leader out, if nothing has changed since `view`."""
    if view.leader is None or view.sync is None:
        raise ValueError("There is no leader to take out")
    compared = {"leader": view.leader.revision, "sync": view.sync.revision}
    return {
        "compare": [
            {"key": _code(prefix + name), "target": "MOD", "mod_revision": str(revision)}
            for name, revision in compared.items()
        ],
        "success": [
            {"request_delete_range": {"key": _code(prefix + name)}}
            for name in ("leader", f"members/{view.leader.value}")
        ],
    }


def _code(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _text(code: str) -> str:
    return base64.b64decode(code).decode()


class Etcd:
    """The few calls that are needed, by etcd's JSON gateway; when one member fails, by the next."""

    def __init__(self, nodes: list[str], prefix: str) -> None:
        """`nodes` are host:port."""
        self._nodes = nodes
        self._prefix = prefix

    def view(self) -> View:
        """The whole cluster, by the word of a majority.

        Raises:
            OSError: no member answers.
        """
        end = self._prefix[:-1] + chr(ord(self._prefix[-1]) + 1)
        asked = {"key": _code(self._prefix), "range_end": _code(end)}
        return read_view(self._call("/v3/kv/range", asked).get("kvs", ()), self._prefix)

    def lease(self, lease: int) -> tuple[int, int]:
        """Seconds that it was granted for, and that are left of it.

        Raises:
            OSError: no member answers.
        """
        answer = self._call("/v3/lease/timetolive", {"ID": str(lease)})
        return int(answer.get("grantedTTL", 0)), int(answer.get("TTL", 0))

    def take_out_leader(self, view: View) -> bool:
        """Whether it was done; not if leader or standby are others by now.

        Raises:
            OSError: no member answers.
        """
        return bool(self._call("/v3/kv/txn", removal(view, self._prefix)).get("succeeded"))

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        for node in list(self._nodes):
            answer = ask(f"http://{node}{path}", body)
            if answer is not None:
                return answer
            self._nodes.append(self._nodes.pop(0))  # another one first, also next time
        raise OSError("No member of etcd answers")


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """GETs or POSTs JSON; None for everything that is not an answer in time."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request(
            "POST" if body else "GET", parts.path, json.dumps(body) if body else None
        )
        answer = connection.getresponse()
        found = json.loads(answer.read()) if answer.status == _OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found if isinstance(found, dict) else None


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
    etcd = Etcd(os.environ["ETCD_NODES"].split(","), f"/holdfast/{os.environ['REGION']}/")
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
