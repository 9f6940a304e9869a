from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.bus.offsets import OffsetTracker


def test_in_order_each_finish_may_be_committed() -> None:
    tracker = OffsetTracker()
    for offset in (5, 6):
        tracker.begin(offset)

    assert tracker.finish(5) == 6
    assert tracker.finish(6) == 7
    assert tracker.under_way == 0


def test_nothing_is_committed_past_an_unfinished_record() -> None:
    tracker = OffsetTracker()
    for offset in (5, 6, 7):
        tracker.begin(offset)

    assert tracker.finish(7) is None
    assert tracker.finish(6) is None
    assert tracker.under_way == 3
    assert tracker.finish(5) == 8


def test_offsets_may_have_gaps() -> None:
    tracker = OffsetTracker()
    for offset in (5, 9):  # a compacted topic, or an aborted transaction's marks
        tracker.begin(offset)

    assert tracker.finish(5) == 6
    assert tracker.finish(9) == 10


def test_offsets_must_rise() -> None:
    tracker = OffsetTracker()
    tracker.begin(5)

    with pytest.raises(ValueError, match="5 comes after 5"):
        tracker.begin(5)
    assert tracker.newest == 5


@given(st.sets(st.integers(0, 10_000), min_size=1), st.randoms())
def test_in_any_order_what_may_be_committed_rises_and_ends_behind_the_last(
    offsets: set[int], random: Random
) -> None:
    tracker = OffsetTracker()
    for offset in sorted(offsets):
        tracker.begin(offset)
    unfinished = set(offsets)
    committed = []
    for offset in random.sample(sorted(offsets), len(offsets)):
        unfinished.remove(offset)
        to_commit = tracker.finish(offset)
        if to_commit is not None:
            committed.append(to_commit)
            assert all(to_commit <= other for other in unfinished)

    assert committed == sorted(set(committed))
    assert committed[-1] == max(offsets) + 1
