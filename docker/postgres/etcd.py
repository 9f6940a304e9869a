"""What Patroni keeps in etcd, and successor.py beside it, by etcd's JSON gateway.

Only the standard library: it runs on Debian's Python.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

ANSWER_SECONDS = 1.0
_OK = 200


@dataclass(frozen=True, slots=True)
class Key:
    """A key of etcd: its value, its version, and the lease that keeps it (0: none)."""

    value: str
    revision: int
    lease: int


@dataclass(frozen=True, slots=True)
class Lease:
    """For how many seconds it was granted, how many are left, and the raft term that says so."""

    granted: int
    left: int
    term: int


@dataclass(frozen=True, slots=True)
class View:
    """What etcd says of the cluster. Names are instances, addresses are URLs of Patroni."""

    leader: Key | None
    sync: Key | None
    members: dict[str, str] = field(default_factory=dict)
    paused: bool = False
    tenure: Key | None = None

    @property
    def standby(self) -> str:
        """Who is the synchronous standby of who is the leader; empty if nobody is."""
        state = json.loads(self.sync.value) if self.sync else {}
        if self.leader is None or state.get("leader") != self.leader.value:
            return ""
        return str(state.get("sync_standby") or "")


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
    return View(keys.get("leader"), keys.get("sync"), members, paused, keys.get("tenure"))


def removal(view: View, prefix: str) -> dict[str, Any]:
    """Rule 5: the transaction that takes the leader out, if nothing has changed since `view`."""
    if view.leader is None or view.sync is None:
        raise ValueError("There is no leader to take out")
    tenure = view.tenure.revision if view.tenure else 0  # 0: there is no such key
    return {
        "compare": _unchanged(
            prefix, leader=view.leader.revision, sync=view.sync.revision, tenure=tenure
        ),
        "success": [
            {"request_delete_range": {"key": _code(prefix + name)}}
            for name in ("leader", f"members/{view.leader.value}")
        ],
    }


def renewal(leader: Key, prefix: str) -> dict[str, Any]:
    """The transaction that renews the leader's tenure, if it still is the leader."""
    put = {"key": _code(prefix + "tenure"), "value": _code(leader.value)}
    return {
        "compare": _unchanged(prefix, leader=leader.revision),
        "success": [{"request_put": put}],
    }


def _unchanged(prefix: str, **revisions: int) -> list[dict[str, str]]:
    return [
        {"key": _code(prefix + name), "target": "MOD", "mod_revision": str(revision)}
        for name, revision in revisions.items()
    ]


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

    @classmethod
    def of_this_member(cls) -> Self:
        """The cluster of the member that this runs on. Environment: REGION, ETCD_NODES."""
        nodes, region = os.environ["ETCD_NODES"], os.environ["REGION"]
        return cls(nodes.split(","), f"/holdfast/{region}/")

    def view(self) -> View:
        """The whole cluster, by the word of a majority.

        Raises:
            OSError: no member answers.
        """
        end = self._prefix[:-1] + chr(ord(self._prefix[-1]) + 1)
        asked = {"key": _code(self._prefix), "range_end": _code(end)}
        return read_view(self._call("/v3/kv/range", asked).get("kvs", ()), self._prefix)

    def lease(self, lease: int) -> Lease:
        """How a lease stands.

        Raises:
            OSError: no member answers.
        """
        answer = self._call("/v3/lease/timetolive", {"ID": str(lease)})
        term = int(answer.get("header", {}).get("raft_term", 0))
        return Lease(int(answer.get("grantedTTL", 0)), int(answer.get("TTL", 0)), term)

    def take_out_leader(self, view: View) -> bool:
        """Whether it was done; not if leader or standby are others by now, or it has renewed.

        Raises:
            OSError: no member answers.
        """
        return bool(self._call("/v3/kv/txn", removal(view, self._prefix)).get("succeeded"))

    def renew_tenure(self, leader: Key) -> bool:
        """Whether it was done; not if the leader is another by now.

        Raises:
            OSError: no member answers.
        """
        return bool(self._call("/v3/kv/txn", renewal(leader, self._prefix)).get("succeeded"))

    def withdraw_request(self) -> None:
        """Takes away the request that Patroni's members hand over the primary's part.

        Raises:
            OSError: no member answers.
        """
        self._call("/v3/kv/deleterange", {"key": _code(self._prefix + "failover")})

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
