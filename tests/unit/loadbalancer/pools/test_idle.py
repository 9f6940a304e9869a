"""Connections at rest: one time for those that came to rest together, and never too early."""

from loadbalancer.pools.idle import Idle


def test_who_comes_to_rest_together_has_one_number() -> None:
    idle = Idle(30.0)
    assert idle.stale <= 100.0  # nobody has asked yet
    due = idle.anew(100.0)
    assert 130.0 <= due <= 130.05
    assert idle.due is due
    assert idle.stale == 100.05


def test_who_comes_later_is_due_later() -> None:
    idle = Idle(30.0)
    first = idle.anew(100.0)
    assert idle.anew(100.05) > first
    assert idle.due >= 130.05
