"""When a primary is said to go down: from then on the request to hand over is obeyed."""

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
