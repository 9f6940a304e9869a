import json
from xml.etree import ElementTree as ET

from loadtests.bench.measure import Measured
from loadtests.bench.plot import plot
from loadtests.bench.scenarios import SCENARIOS
from loadtests.bench.table import page
from loadtests.bench.wrk import Result

SMALL, BROWSER = SCENARIOS[0], SCENARIOS[1]


def measured(peer: str, *rps: float, disturbed: float = 0.0, errors: int = 0) -> Measured:
    results = [Result(int(r * 2), 2.0, 1.0, 4.0, errors) for r in rps]
    return Measured(SMALL, peer, results, [20.0 for _ in rps], [disturbed for _ in rps])


def test_the_agreed_form() -> None:
    row = measured("holdfast", 100.0, 300.0, 200.0, errors=1)
    row.lost = 2
    assert json.loads(json.dumps(row.as_json())) == {
        "scenario": "small",
        "peer": "holdfast",
        "rps": {"median": 200.0, "min": 100.0, "max": 300.0},
        "cpu_us_per_request": 20.0,
        "p50_ms": 1.0,
        "p99_ms": 4.0,
        "errors": 5,
    }


def test_a_table_compares_with_haproxy_and_says_who_is_missing() -> None:
    missing = Measured(SMALL, "envoy", failed="it is not installed")
    text = page([measured("haproxy", 400.0), measured("holdfast", 300.0), missing], "A machine.")
    assert "| holdfast | 300 (300 - 300) | 0.75 | 20.0 | 1.00 | 4.00 | 0 |" in text
    assert "Left out: envoy, it is not installed." in text
    assert "Not alone" not in text


def test_a_disturbed_measurement_says_so() -> None:
    assert "Not alone: up to 35%" in page([measured("haproxy", 9.0, disturbed=0.35)], "")


def test_a_plot_has_a_bar_for_each_that_was_measured() -> None:
    other = Measured(BROWSER, "nginx", [Result(10, 1.0, 1.0, 1.0, 0)], [1.0], [0.0])
    rows = [measured("a<b", 1.0, 2.0), other, Measured(SMALL, "x", failed="y")]
    picture = ET.fromstring(plot(rows))  # noqa: S314 - our own
    assert len(picture.findall(".//{*}line")) == 2
    assert "a<b" in [text.text for text in picture.iter() if text.text]
