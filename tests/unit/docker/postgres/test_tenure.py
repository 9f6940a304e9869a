"""Until when a primary may believe that it is one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from docker.postgres.etcd import Etcd, Key
from docker.postgres.tenure import STILL_SECONDS, TENURE_SECONDS, Stillness, renew

PREFIX = "/holdfast/east/"
LEADER = Key("postgres-a-1", 7, 99)


class ScriptedEtcd(Etcd):
    """Its lease has so many seconds left; the leader is the same, or is not."""

    def __init__(self, left: int, *, same_leader: bool = True) -> None:
        super().__init__(["etcd"], PREFIX)
        self._left, self._same_leader = left, same_leader
        self.asked: list[dict[str, Any]] = []

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/v3/lease/timetolive":
            return {"grantedTTL": "20", "TTL": str(self._left)}
        self.asked.append(body)
        return {"succeeded": self._same_leader}


def test_a_primary_is_one_for_certain_from_the_moment_in_which_it_asked(tmp_path: Path) -> None:
    etcd, mark = ScriptedEtcd(left=19), tmp_path / "until"
    assert renew(etcd, LEADER, mark, lambda: 1000.0)
    assert float(mark.read_text()) == 1000.0 + TENURE_SECONDS


def test_it_is_renewed_only_while_the_leader_is_the_same(tmp_path: Path) -> None:
    etcd, mark = ScriptedEtcd(left=19, same_leader=False), tmp_path / "until"
    assert not renew(etcd, LEADER, mark)
    assert not mark.exists()
    (asked,) = etcd.asked
    leader = base64.b64encode(f"{PREFIX}leader".encode()).decode()
    assert asked["compare"] == [{"key": leader, "target": "MOD", "mod_revision": "7"}]


def test_who_may_lose_the_lease_by_its_end_renews_no_tenure(tmp_path: Path) -> None:
    etcd, mark = ScriptedEtcd(left=14), tmp_path / "until"
    assert not renew(etcd, LEADER, mark)
    assert not etcd.asked


def test_stillness_begins_when_a_tenure_is_seen_first() -> None:
    stillness = Stillness()
    assert stillness.seconds(100.0, Key("postgres-a-1", 9, 0)) == 0
    assert stillness.seconds(102.0, Key("postgres-a-1", 9, 0)) == 2
    assert stillness.seconds(103.0, Key("postgres-a-1", 10, 0)) == 0
    assert stillness.seconds(110.0, None) == 0  # a cluster of before has none
    assert stillness.seconds(114.0, None) == 4


def test_a_tenure_is_over_before_anybody_may_take_the_part_away() -> None:
    assert TENURE_SECONDS < STILL_SECONDS
