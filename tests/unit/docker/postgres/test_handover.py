"""Who would obey a request to hand over, and when one is said to have been obeyed."""

from __future__ import annotations

from typing import Any

import pytest

from docker.postgres import handover


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"state": "running", "role": "primary"}, False),
        ({"state": "stopping", "role": "primary"}, True),
        ({"state": "stopped", "role": "demoted"}, True),
        ({"state": "starting", "role": "replica"}, False),
        (None, False),  # who does not answer has not obeyed for all we know
    ],
    ids=str,
)
def test_it_goes_down_once_it_is_being_stopped(
    monkeypatch: pytest.MonkeyPatch, status: dict[str, Any] | None, expected: bool
) -> None:
    monkeypatch.setattr(handover, "status", lambda _: status)
    assert handover.going_down("http://postgres-a:8008/patroni") is expected


NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"dcs_last_seen": NOW - 1}, True),
        ({"dcs_last_seen": NOW - 4}, False),
        ({"dcs_last_seen": NOW, "failsafe_mode_is_active": True}, False),
        ({}, False),
        (None, False),
    ],
    ids=str,
)
def test_only_who_goes_by_etcd_would_obey(
    monkeypatch: pytest.MonkeyPatch, status: dict[str, Any] | None, expected: bool
) -> None:
    monkeypatch.setattr(handover, "status", lambda _: status)
    assert handover.obedient("http://postgres-a:8008/patroni", NOW) is expected


def test_who_would_not_is_waited_for_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = {"postgres-a-1": "http://a:8008/patroni", "postgres-c-1": "http://c:8008/patroni"}
    monkeypatch.setattr(handover, "AGAIN_SECONDS", 0)
    waits = [False, False, True]
    monkeypatch.setattr(handover, "obedient", lambda a, _: "//a" in a or waits.pop(0))
    handover.await_obedience(addresses)
    assert waits == []
    assert capsys.readouterr().err == "postgres-c-1: has to find etcd again, waiting\n"
    monkeypatch.setattr(handover, "obedient", lambda *_: False)
    monkeypatch.setattr(handover, "WITHIN_SECONDS", 0)
    with pytest.raises(RuntimeError, match="postgres-a-1 and postgres-c-1 cannot go by etcd"):
        handover.await_obedience(addresses)
