import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from loadtests.bench import kept
from loadtests.bench.__main__ import _finish, main
from loadtests.bench.measure import Measured
from loadtests.bench.plot import plot
from loadtests.bench.scenarios import SCENARIOS
from loadtests.bench.table import page
from loadtests.bench.wrk import Result

SMALL, BROWSER = SCENARIOS[0], SCENARIOS[1]


def measured(peer: str, *rps: float, disturbed: float = 0.0, errors: int = 0) -> Measured:
    results = [Result(int(r * 2), 2.0, 1.0, 4.0, errors) for r in rps]
    return Measured(SMALL, peer, results, [20.0 for _ in rps], [disturbed for _ in rps])


def row(peer: str, *rps: float, when: str = "today", **more: Any) -> kept.Row:
    return {**measured(peer, *rps, **more).as_json(), "measured": when}


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
        "disturbed": 0.0,
    }


def test_a_table_compares_with_haproxy_and_says_who_is_missing() -> None:
    missing = [(SMALL.name, "envoy", "it is not installed")]
    text = page([row("haproxy", 400.0), row("holdfast", 300.0)], "A machine.", missing)
    assert "| holdfast | 300 (300 - 300) | 0.75 | 20.0 | 1.00 | 4.00 | 0 | today |" in text
    assert "Not all of it" not in text
    assert "Left out: envoy, it is not installed." in text
    assert "Not alone" not in text


def test_a_disturbed_measurement_says_so() -> None:
    assert "Not alone: up to 35%" in page([row("haproxy", 9.0, disturbed=0.35)], "")


def test_a_plot_has_a_bar_for_each_that_was_measured() -> None:
    other = Measured(BROWSER, "nginx", [Result(10, 1.0, 1.0, 1.0, 0)], [1.0], [0.0])
    rows = [row("a<b", 1.0, 2.0), other.as_json()]
    picture = ET.fromstring(plot(rows))  # noqa: S314 - our own
    assert len(picture.findall(".//{*}line")) == 2
    assert "a<b" in [text.text for text in picture.iter() if text.text]


def test_a_run_of_some_leaves_the_rows_of_the_others(tmp_path: Path) -> None:
    other = Measured(BROWSER, "holdfast", [Result(10, 1.0, 1.0, 1.0, 0)], [1.0], [0.0])
    whole = [other, measured("haproxy", 400.0), measured("holdfast", 300.0)]
    failed = Measured(SMALL, "haproxy", failed="it did not start")
    assert _finish(whole, tmp_path, print) == 0
    file = tmp_path / "latest.json"
    kept.write(file, [{**one, "measured": "2026-01-01 00:00"} for one in kept.read(file)])
    assert _finish([measured("holdfast", 500.0), failed], tmp_path, print) == 0
    rows = {(one["scenario"], one["peer"]): one for one in kept.read(file)}
    assert rows["small", "holdfast"]["rps"]["median"] == 500.0
    assert rows["small", "holdfast"]["measured"] > "2026-01-01 00:00"
    assert rows["small", "haproxy"]["rps"]["median"] == 400.0
    assert rows["small", "haproxy"]["measured"] == "2026-01-01 00:00"
    assert ("browser", "holdfast") in rows
    text = (tmp_path / "table.md").read_text()
    assert "Not all of it was measured in one run" in text
    assert "| 0 | 2026-01-01 00:00 |" in text
    assert "Left out: haproxy, it did not start." in text
    assert text.index(SMALL.title) < text.index(BROWSER.title)


def test_what_is_damaged_or_older_is_no_obstacle(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    assert kept.read(file) == []
    file.write_text("{")
    assert kept.read(file) == []
    old = {key: value for key, value in row("haproxy", 1.0).items() if key != "measured"}
    assert "| 0 | before |" in page([old], "")


def test_results_that_cannot_be_kept_are_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A root's leftover, seen by the container's user, costs a message and not the run."""
    kept.prepare(tmp_path / "new" / "bench")
    (tmp_path / "file").touch()
    with pytest.raises(kept.CannotKeep, match="file cannot be made: "):
        kept.prepare(tmp_path / "file")
    (tmp_path / "new" / "bench" / "latest.json").touch()
    monkeypatch.setattr("os.access", lambda path, _: path.name != "latest.json")
    with pytest.raises(kept.CannotKeep, match=r"may not write .*latest\.json: remove it"):
        kept.prepare(tmp_path / "new" / "bench")


def test_no_rounds_are_nothing_to_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--rounds", "0", "--out", str(tmp_path)]) == 2
    assert "ROUNDS=0" in capsys.readouterr().err
