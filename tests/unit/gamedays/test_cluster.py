import os
import sys
from pathlib import Path

import pytest

from gamedays import __main__ as command
from gamedays import cluster
from gamedays.cluster import CommandFailed, ensure, prepare, project


def test_a_folder_is_made_for_the_owner_of_its_parent(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 10001, 10001)
    wanted = tmp_path / "planted" / "a-run"
    ensure(wanted)
    ensure(wanted)
    for folder in (wanted, wanted.parent):
        assert folder.is_dir()
        assert (folder.stat().st_uid, folder.stat().st_gid) == (
            tmp_path.stat().st_uid,
            tmp_path.stat().st_gid,
        )


def test_where_nothing_may_be_written_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> str:
        raise CommandFailed(f"{words[0]}: sudo chown 10001:10001 reports/gamedays")

    monkeypatch.setattr(cluster, "run", run)
    monkeypatch.setattr(command, "Conductor", None)  # whoever begins calls it
    monkeypatch.setattr(sys, "argv", ["gamedays", "run", "baseline"])
    assert command.main() == 2
    assert "sudo chown 10001:10001 reports/gamedays" in capsys.readouterr().err


def test_a_result_that_belongs_to_somebody_else_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gamedays").mkdir()
    (tmp_path / "gamedays" / "latest.json").touch()
    monkeypatch.setattr(cluster, "ROOT", tmp_path)
    monkeypatch.setattr(cluster, "run", lambda *_: "")
    prepare(Path("gamedays"), "latest.json", "not-there.json")
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "latest.json")
    with pytest.raises(CommandFailed, match=r"may not write .*latest\.json"):
        prepare(Path("gamedays"), "latest.json", "not-there.json")


def test_whose_containers_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ROOT", tmp_path)
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    assert project() == "holdfast"
    (tmp_path / ".env").write_text("REGION=west\nCOMPOSE_PROJECT_NAME=west\n")
    assert project() == "west"
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "north")
    assert project() == "north"
