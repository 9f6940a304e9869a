import sys
from pathlib import Path

import pytest

from loadtests import verdict


def test_a_run_that_is_not_there_is_no_good_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], [str(tmp_path / "mistyped")]):
        monkeypatch.setattr(sys, "argv", ["verdict", *words])
        assert verdict.main() == 2
        assert "ledger.jsonl" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
