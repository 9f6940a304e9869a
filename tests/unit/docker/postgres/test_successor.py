"""Who may take a primary's lease away, and when."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from docker.postgres import successor
from docker.postgres.etcd import Etcd, Key, Lease, View, read_view, removal
from docker.postgres.successor import Silence, Successor, dead

PREFIX = "/holdfast/east/"
ME, PRIMARY, OTHER = "postgres-b-1", "postgres-a-1", "postgres-c-1"
STREAMS = {"role": "replica", "replication_state": "streaming"}
ALONE = {"role": "replica", "replication_state": "in archive recovery"}


def node(name: str, value: Any, revision: int = 1, lease: int = 0) -> dict[str, str]:
    text = value if isinstance(value, str) else json.dumps(value)
    code = [base64.b64encode(t.encode()).decode() for t in (PREFIX + name, text)]
    return {"key": code[0], "value": code[1], "mod_revision": str(revision), "lease": str(lease)}


def nodes(**more: Any) -> list[dict[str, str]]:
    given = {"sync": {"leader": PRIMARY, "sync_standby": ME}, "config": {"ttl": 20}} | more
    return [
        node("leader", PRIMARY, 7, 99),
        node("sync", given["sync"], 8),
        node("config", given["config"]),
        *(node(f"members/{m}", {"api_url": f"http://{m}/"}) for m in (PRIMARY, ME, OTHER)),
    ]


class ScriptedEtcd(Etcd):
    """Answers as told, and remembers whether the leader was taken out."""

    def __init__(self, left: int, term: int = 3, tenure: int = 9, **more: Any) -> None:
        super().__init__(["etcd"], PREFIX)
        self._left = left
        self._term = term
        self._tenure = tenure
        self._more = more
        self.taken_out = False

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/v3/kv/range":
            return {"kvs": [*nodes(**self._more), node("tenure", PRIMARY, self._tenure)]}
        if path == "/v3/lease/timetolive":
            header = {"raft_term": str(self._term)}
            return {"header": header, "grantedTTL": "20", "TTL": str(self._left)}
        self.taken_out = True
        return {"succeeded": True}


class InOrder:
    """In place of threads."""

    map = staticmethod(map)


class Member:
    """A standby that looks when it is told to, at members that answer as they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **status: Any) -> None:
        self.now = 0.0
        self._answers = {PRIMARY: None, ME: ALONE, OTHER: ALONE} | {
            f"postgres-{zone}-1": answer for zone, answer in status.items()
        }
        monkeypatch.setattr(successor, "_status", lambda url: self._answers[url[7:-1]])
        threads: Any = InOrder()
        self._successor = Successor(ScriptedEtcd(20), ME, threads, lambda: self.now)

    def look(self, now: float, etcd: ScriptedEtcd) -> bool:
        """Whether it took the leader out."""
        self.now = now
        self._successor._etcd = etcd
        self._successor.look(etcd.view())
        return etcd.taken_out


def look(etcd: ScriptedEtcd, monkeypatch: pytest.MonkeyPatch, **status: Any) -> bool:
    """By a member that has seen the same tenure for long."""
    member = Member(monkeypatch, **status)
    member.look(990.0, ScriptedEtcd(left=20))
    return member.look(1000.0, etcd)


def test_a_dead_primary_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(ScriptedEtcd(left=14), monkeypatch)


def test_a_lease_that_was_renewed_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not look(ScriptedEtcd(left=16), monkeypatch)


def test_what_etcds_new_leader_gives_the_lease_is_no_renewal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The primary and etcd's leader were in the zone that died."""
    member = Member(monkeypatch)

    assert not member.look(100.0, ScriptedEtcd(left=20))
    # Four seconds without an answer; then all leases have their time again, and some more.
    assert not member.look(104.0, ScriptedEtcd(left=21, term=4))
    assert member.look(105.0, ScriptedEtcd(left=20, term=4))


def test_a_primary_whose_tenure_may_not_be_over_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its lease is older, as far as etcd says; but what it reads it still believes."""
    member = Member(monkeypatch)

    assert not member.look(100.0, ScriptedEtcd(left=14, tenure=9))
    assert not member.look(102.9, ScriptedEtcd(left=11, tenure=9))
    assert not member.look(103.1, ScriptedEtcd(left=11, tenure=10))  # renewed
    assert not member.look(106.0, ScriptedEtcd(left=8, tenure=10))
    assert member.look(106.2, ScriptedEtcd(left=8, tenure=10))


def test_a_primary_that_outlives_etcds_leader_is_left_alone() -> None:
    silence = Silence()
    silence.seconds(100.0, 99, Lease(20, 20, term=3))
    looks = [(104.0, 21), (105.0, 20), (106.0, 20), (107.0, 20), (108.0, 19)]

    silent = [silence.seconds(now, 99, Lease(20, left, term=4)) for now, left in looks]

    assert silent == [4.0, 5.0, 6.0, 0.0, 1.0]  # in doubt, it would be asked, and answer


def test_silence_counts_from_the_last_renewal_of_the_same_lease() -> None:
    silence = Silence()

    assert silence.seconds(100.0, 99, Lease(20, 18, term=3)) == 2.0
    assert silence.seconds(103.0, 99, Lease(20, 15, term=3)) == 5.0
    assert silence.seconds(104.0, 99, Lease(20, 20, term=3)) == 0.0
    assert silence.seconds(110.0, 98, Lease(20, 19, term=4)) == 1.0  # another primary's


def test_only_the_synchronous_standby_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    for sync in (
        {"leader": PRIMARY, "sync_standby": OTHER},
        {"leader": PRIMARY, "sync_standby": None},
        {"leader": OTHER, "sync_standby": ME},  # of somebody who is not the leader
    ):
        assert not look(ScriptedEtcd(left=1, sync=sync), monkeypatch), sync


def test_nobody_acts_while_patroni_is_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not look(ScriptedEtcd(left=1, config={"pause": True}), monkeypatch)


def test_a_primary_that_answers_or_is_received_from_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not look(ScriptedEtcd(left=1), monkeypatch, a={"role": "primary"})
    assert not look(ScriptedEtcd(left=1), monkeypatch, b=STREAMS)
    assert not look(ScriptedEtcd(left=1), monkeypatch, c=STREAMS)
    assert look(ScriptedEtcd(left=1), monkeypatch, c=None)  # who is gone as well says nothing


def test_dead_needs_silence_and_nobody_who_receives() -> None:
    assert dead(None, [])
    assert dead(None, [None, ALONE])
    assert not dead(None, [None, STREAMS])
    assert not dead({}, [])


def test_what_was_seen_must_still_hold() -> None:
    view = read_view(nodes(), PREFIX)
    assert view.leader == Key(PRIMARY, 7, 99)
    assert view.standby == ME
    transaction = removal(view, PREFIX)
    assert [c["mod_revision"] for c in transaction["compare"]] == ["7", "8", "0"]
    assert {c["target"] for c in transaction["compare"]} == {"MOD"}
    deleted = [
        base64.b64decode(s["request_delete_range"]["key"]).decode() for s in transaction["success"]
    ]
    assert deleted == [f"{PREFIX}leader", f"{PREFIX}members/{PRIMARY}"]


def test_without_a_leader_there_is_nothing_to_take_out() -> None:
    with pytest.raises(ValueError, match="no leader"):
        removal(View(None, None), PREFIX)


def test_a_request_to_hand_over_is_all_that_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    etcd = Etcd(["etcd"], PREFIX)
    monkeypatch.setattr(etcd, "_call", lambda *given: asked.append(given))
    etcd.withdraw_request()
    key = base64.b64encode(b"/holdfast/east/failover").decode()
    assert asked == [("/v3/kv/deleterange", {"key": key})]  # without an end it is this one key
