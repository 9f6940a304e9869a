"""Counting."""

import pytest

from loadbalancer.observe.meters import BOUNDS, Meter, quantile, total


def test_quantiles_are_right_to_a_quarter() -> None:
    meter = Meter()
    for milliseconds in range(1, 1001):
        meter.observe(milliseconds / 1000)
    assert quantile(meter.counts, 0.5) == pytest.approx(0.5, rel=0.26)
    assert quantile(meter.counts, 0.99) == pytest.approx(0.99, rel=0.26)
    assert quantile(Meter().counts, 0.5) is None


def test_nothing_is_too_long() -> None:
    meter = Meter()
    meter.observe(1e9)
    assert quantile(meter.counts, 0.5) == BOUNDS[-1]


def test_rate_and_histogram_are_of_the_last_ten_seconds() -> None:
    meter = Meter()
    assert meter.rate() == 0
    for _ in range(20):
        meter.tick()
        for _ in range(50):
            meter.observe(0.01)
    meter.tick()
    assert meter.rate() == 50
    for _ in range(10):
        meter.tick()
    assert meter.rate() == 0
    assert sum(meter.recent()) == 0
    assert meter.requests == sum(meter.counts) == 1000


def test_the_sum_of_histograms() -> None:
    a, b = Meter(), Meter()
    a.observe(0.1)
    b.observe(0.1)
    assert sum(total([a.counts, b.counts])) == 2
    assert sum(total([])) == 0
