import pytest

from loadtests.pacing import Pacer


def test_waits_out_what_the_task_left_of_the_period() -> None:
    pacer = Pacer(rate=2.0, phase=0.5)
    assert pacer.wait(100.0) == 0.25
    assert pacer.wait(100.35) == 100.75 - 100.35
    assert pacer.wait(100.80) == 101.25 - 100.80


def test_falling_behind_is_not_made_up_with_a_burst() -> None:
    pacer = Pacer(rate=1.0, phase=0.0)
    assert pacer.wait(0.0) == 0
    assert pacer.wait(10.0) == 0  # ten tasks late
    assert pacer.wait(10.1) == pytest.approx(0.9)  # and back to one a second
