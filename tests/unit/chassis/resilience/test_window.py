from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.resilience.window import SlidingCounts

SECONDS = 10.0
SLICES = 10

gaps_and_amounts = st.lists(
    st.tuples(st.floats(min_value=0, max_value=15), st.integers(min_value=0, max_value=5)),
    max_size=60,
)


def test_counts_what_happened_lately_and_forgets_the_rest() -> None:
    window = SlidingCounts(2, SECONDS, SLICES)
    window.add(100.0, 1, 0)
    window.add(104.5, 1, 1)
    assert window.sums(104.5) == (2, 1)
    assert window.sums(109.9) == (2, 1)
    assert window.sums(110.0) == (1, 1)
    assert window.sums(115.0) == (0, 0)


def test_an_earlier_time_counts_as_the_latest_seen() -> None:
    window = SlidingCounts(1, SECONDS, SLICES)
    window.add(100.0, 1)
    window.add(50.0, 1)
    assert window.sums(40.0) == (2,)
    assert window.sums(109.9) == (2,)


def test_clear_forgets_all() -> None:
    window = SlidingCounts(1, SECONDS, SLICES)
    window.add(100.0, 3)
    window.clear()
    assert window.sums(100.0) == (0,)


@pytest.mark.parametrize(("counters", "seconds", "slices"), [(0, 1.0, 1), (1, 0.0, 1), (1, 1.0, 0)])
def test_a_window_without_extent_is_refused(counters: int, seconds: float, slices: int) -> None:
    with pytest.raises(ValueError, match="window needs"):
        SlidingCounts(counters, seconds, slices)


@given(gaps_and_amounts)
def test_counts_all_of_the_window_but_its_oldest_slice_and_nothing_before_it(
    script: list[tuple[float, int]],
) -> None:
    window = SlidingCounts(1, SECONDS, SLICES)
    now = 1000.0
    events: list[tuple[float, int]] = []
    for gap, amount in script:
        now += gap
        window.add(now, amount)
        events.append((now, amount))
        (counted,) = window.sums(now)
        surely = sum(n for at, n in events if now - at < SECONDS - SECONDS / SLICES - 1e-6)
        at_most = sum(n for at, n in events if now - at <= SECONDS + 1e-6)
        assert surely <= counted <= at_most


@given(gaps_and_amounts, st.lists(st.floats(min_value=0, max_value=2000), max_size=60))
def test_sums_are_never_negative_whatever_the_clock_does(
    script: list[tuple[float, int]], clock: list[float]
) -> None:
    window = SlidingCounts(1, SECONDS, SLICES)
    for (_, amount), now in zip(script, clock, strict=False):
        window.add(now, amount)
        assert window.sums(now)[0] >= amount
    assert window.sums(1e9) == (0,)
