import random
from xml.etree import ElementTree as ET

import pytest

from loadtests.bench.soak.plot import plot
from loadtests.bench.soak.verdict import MIB, Sample, judge, slope


def samples(
    *, leak: float = 0.0, noise: float = 0.0, fds: float = 0.0, count: int = 200, rate: int = 1_000
) -> list[Sample]:
    """Ten minutes; `leak` in bytes a request, `fds` lost a request."""
    chance = random.Random(1)
    found = []
    for number in range(count):
        at = number * 600 / count
        warm = min(at, 100.0) / 100 * 20 * MIB
        rss = 30 * MIB + warm + leak * at * rate + chance.uniform(-noise, noise)
        found.append(Sample(at, int(at * rate), int(rss), 50 + int(fds * at * rate), 5, 1_500))
    return found


def test_growing_while_warming_up_is_no_leak() -> None:
    assert judge(samples()).flat


def test_noise_is_no_leak() -> None:
    assert judge(samples(noise=3 * MIB)).flat


def test_one_step_and_one_dip_are_no_leak() -> None:
    found = samples()
    step = [s if s.at < 450 else Sample(s.at, s.requests, s.rss + MIB, 50, 5, 1_500) for s in found]
    assert judge(step).flat
    found[-1] = Sample(found[-1].at, found[-1].requests, 0, 50, 5, 1_500)
    assert judge(found).flat


@pytest.mark.parametrize("leak", [8.0, 16.0, 500.0])
def test_a_leak_of_the_smallest_object_is_found(leak: float) -> None:
    verdict = judge(samples(leak=leak, noise=MIB))
    assert not verdict.flat
    assert [growth.name for growth in verdict.growths if not growth.flat] == ["rss"]
    assert verdict.leak_seen < 8.0


def test_a_lost_descriptor_in_a_thousand_requests_is_found() -> None:
    verdict = judge(samples(fds=0.001))
    assert [growth.name for growth in verdict.growths if not growth.flat] == ["fds"]


def test_too_short_a_run_proves_nothing() -> None:
    with pytest.raises(ValueError, match="too short"):
        judge(samples(count=12))


def test_a_slope_is_that_of_most_pairs() -> None:
    assert slope([(0, 0), (1, 2), (2, 4), (3, 600)]) == pytest.approx(2, abs=200)
    assert slope([(n, 3 * n) for n in range(50)]) == 3
    with pytest.raises(ValueError, match="two points"):
        slope([(1, 1), (1, 2)])


def test_a_plot_shows_each_measure_and_which_one_grows() -> None:
    found = samples(leak=100)
    picture = ET.fromstring(plot(found, judge(found)))  # noqa: S314 - our own
    assert len(picture.findall(".//{*}polyline")) == 4
    colours = [line.get("stroke") for line in picture.findall(".//{*}polyline")]
    assert len(set(colours)) == 2
