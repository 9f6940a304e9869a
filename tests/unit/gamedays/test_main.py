import json
from pathlib import Path
from typing import Any

import pytest

from gamedays import __main__ as command
from gamedays.interrupt import Interrupted
from gamedays.judging import Result, judge, not_run
from gamedays.scenario import Scenario, load
from tests.unit.gamedays.test_judging import SCENARIO
from tests.unit.gamedays.test_judging import run as went_well

KEYS = {
    "scenario", "seed", "verdict", "checks", "outage_s", "detect_s", "recover_s",
    "acknowledged", "lost", "duplicated", "failed_requests", "requests",
}  # fmt: skip


class Conductor:
    """Judges a history that is there already, or is interrupted."""

    interrupted = False

    def __init__(self, scenario: Scenario, seed: int, *_: Any) -> None:
        self.folder = Path(scenario.name)
        self._seed = seed

    def run(self) -> Result:
        if self.interrupted:
            raise Interrupted("SIGTERM")
        return judge(SCENARIO, self._seed, went_well())


@pytest.fixture
def latest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "Conductor", Conductor)
    monkeypatch.setattr(command, "interruptible", lambda: None)
    return tmp_path / "reports" / "gamedays" / "latest.json"


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["gamedays", "run", *words])
    return command.main()


def test_the_summary_has_what_others_read_and_the_seed_that_was_given(
    latest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "baseline", "--seed", "7") == 0
    (result,) = json.loads(latest.read_text())
    assert set(result) >= KEYS
    assert result["seed"] == 7
    assert all(set(check) == {"valid", "detail"} for check in result["checks"].values())


def test_results_of_before_do_not_stand_for_a_run_that_was_interrupted(
    latest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "baseline") == 0
    monkeypatch.setattr(Conductor, "interrupted", True)
    assert run(monkeypatch, "kill-zone") == 130
    assert json.loads(latest.read_text()) == []


def test_no_scenario_at_all_is_no_pass(latest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load("kill-zone").short
    assert run(monkeypatch, "kill-zone", "--short") == 2


def test_a_run_that_came_to_no_end_is_not_judged_again(tmp_path: Path) -> None:
    for verdict in ("not run", "fail"):
        result = {**not_run("baseline", 1, "not healthy").encode(), "verdict": verdict}
        (tmp_path / "result.json").write_text(json.dumps(result))
        assert command.judge_again(tmp_path) == 1
