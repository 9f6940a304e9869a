"""What backup and restore do before they touch anything. The engine is one that writes down."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Says what it was asked; its volumes are one, and its members' words are the test's.
ENGINE = """#!/bin/bash
echo "$*" >>asked
case "$*" in
  "volume ls"*) echo holdfast_postgres-a ;;
  *pg_basebackup*) cat whole.tar.gz; if [ -n "$STALLS" ]; then exec sleep 30; fi ;;
  *"/synchronous"*) [[ $* == *" postgres-$SYNCHRONOUS "* ]] ;;
  *) exit 1 ;;
esac
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The scripts with an engine of their own, and a backup of three files."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "bin").mkdir()
    engine = tmp_path / "bin" / "docker"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    archive(tmp_path / "whole.tar.gz", "backup_label", "base/1/1", "global/pg_control")
    return tmp_path


def archive(path: Path, *names: str) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            content = os.urandom(20_000)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def run(copy: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{copy / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        words, cwd=copy, env={**os.environ, "PATH": path, "COMPOSE_PROJECT_NAME": "test", **env},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def asked(copy: Path) -> str:
    path = copy / "asked"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("broken", ["cut short", "no label", "no archive"])
def test_what_is_no_whole_backup_is_refused_before_anything_goes(copy: Path, broken: str) -> None:
    file = copy / "backups" / "old" / "base.tar.gz"
    file.parent.mkdir(parents=True)
    match broken:
        case "cut short":
            whole = (copy / "whole.tar.gz").read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
        case "no label":
            archive(file, "base/1/1", "global/pg_control")
        case _:
            file.write_text("no archive")
    done = run(copy, "scripts/restore.sh", "backups/old", REPLACE="yes")
    assert done.returncode != 0
    assert "is not a whole backup. Nothing was changed" in done.stderr
    assert asked(copy) == ""


def test_a_whole_backup_still_needs_leave_where_there_is_data(copy: Path) -> None:
    file = copy / "backups" / "old" / "base.tar.gz"
    file.parent.mkdir(parents=True)
    shutil.copy(copy / "whole.tar.gz", file)
    done = run(copy, "scripts/restore.sh", "backups/old", REPLACE="")
    assert done.returncode != 0
    assert "REPLACE=yes" in done.stderr
    assert asked(copy).splitlines() == [
        "volume ls --quiet --filter label=com.docker.compose.project=test"
    ]


def test_the_synchronous_standby_is_read(copy: Path) -> None:
    done = run(copy, "scripts/backup.sh", SYNCHRONOUS="b")
    assert done.returncode == 0, done.stderr
    reads = [line for line in asked(copy).splitlines() if "pg_basebackup" in line]
    assert [line.split()[:4] for line in reads] == [["compose", "exec", "-T", "postgres-b"]]
    (made,) = (copy / "backups").glob("*/base.tar.gz")
    assert made.read_bytes() == (copy / "whole.tar.gz").read_bytes()


def test_without_one_there_is_no_backup(copy: Path) -> None:
    done = run(copy, "scripts/backup.sh", SYNCHRONOUS="none")
    assert done.returncode != 0
    assert "no synchronous standby" in done.stderr
    assert "pg_basebackup" not in asked(copy)
    assert not (copy / "backups").exists()


def test_without_any_backup_it_is_said_how_to_make_one(copy: Path) -> None:
    done = run(copy, "scripts/restore.sh")
    assert done.returncode == 1
    assert "make backup" in done.stderr


def test_who_stands_still_in_the_middle_is_given_up(copy: Path) -> None:
    done = run(copy, "scripts/backup.sh", SYNCHRONOUS="b", STALLS="yes", STALL_SECONDS="2")
    assert done.returncode == 1
    assert "postgres-b gave nothing for 2 s" in done.stderr
    assert list((copy / "backups").iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_backup_leaves_nothing(copy: Path, how: signal.Signals) -> None:
    env = {"PATH": f"{copy / 'bin'}:{os.environ['PATH']}", "SYNCHRONOUS": "b", "STALLS": "yes"}
    words = ("env", "--default-signal=INT,TERM", "scripts/backup.sh")
    with subprocess.Popen(words, cwd=copy, env=env, stderr=subprocess.PIPE) as backup:
        until = time.monotonic() + 20
        while not list(copy.glob("backups/*/base.part")) and time.monotonic() < until:
            time.sleep(0.1)
        backup.send_signal(how)
        said = backup.communicate(timeout=20)[1]
    assert (backup.returncode, said) == (128 + how, b"")
    assert list((copy / "backups").iterdir()) == []
