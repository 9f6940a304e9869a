import pytest

from gamedays.machine import busy, read

STAT = "cpu  {user} 0 100 {idle} 50 0 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n"


def test_what_was_used_in_between() -> None:
    before = read(STAT.format(user=100, idle=750))
    after = read(STAT.format(user=400, idle=850))
    assert before == (800, 1000)
    assert busy(before, after) == pytest.approx(0.75)


def test_where_the_system_does_not_tell_nobody_knows() -> None:
    assert busy(None, (1, 2)) is None
    assert busy((1, 2), None) is None
    assert busy((1, 2), (1, 2)) is None
