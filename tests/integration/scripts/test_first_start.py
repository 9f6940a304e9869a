"""What the scripts do before there is a cluster: passwords, refusals, help. No engine is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout of its own, so that nothing real is touched."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("Makefile", "compose.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(copy: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=copy, env={**os.environ, **env},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def values(copy: Path) -> dict[str, str]:
    lines = (copy / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def required(copy: Path) -> set[str]:
    text = (copy / "compose.yaml").read_text()
    return {part.split(":?")[0] for part in text.split("${") if ":?" in part.split("}")[0]}


def test_every_password_that_compose_requires_is_made(copy: Path) -> None:
    assert run(copy, "scripts/secrets.sh").returncode == 0
    made = values(copy)
    assert required(copy) <= made.keys()
    assert len(required(copy)) >= 10
    assert all(len(made[name]) == 64 for name in required(copy))
    assert len({made[name] for name in required(copy)}) == len(required(copy))
    assert (copy / ".env").stat().st_mode & 0o777 == 0o600


def test_values_stay_and_missing_names_are_added(copy: Path) -> None:
    (copy / ".env").write_text("POSTGRES_PASSWORD=kept\nMINE=too\n")
    assert run(copy, "scripts/secrets.sh").returncode == 0
    first = values(copy)
    assert first["POSTGRES_PASSWORD"] == "kept"
    assert first["MINE"] == "too"
    assert required(copy) <= first.keys()
    assert (copy / ".env").stat().st_mode & 0o777 == 0o600
    assert run(copy, "scripts/secrets.sh").returncode == 0
    assert values(copy) == first


def test_without_an_engine_and_without_leave_to_install_it_says_what_to_do(copy: Path) -> None:
    done = run(copy, "scripts/engine.sh", DOCKER_HOST="unix:///nonexistent.sock")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 3
    assert "Nothing was changed" in done.stderr
    assert done.stdout == ""


def test_a_refused_start_leaves_nothing(copy: Path) -> None:
    before = sorted(copy.rglob("*"))
    done = run(copy, "make", "up", DOCKER_HOST="unix:///nonexistent.sock")
    assert done.returncode != 0
    assert sorted(copy.rglob("*")) == before


def test_make_alone_lists_every_target_with_its_help(copy: Path) -> None:
    done = run(copy, "make")
    listed = {line.split()[1]: line for line in done.stdout.splitlines() if "  make " in line}
    makefile = (copy / "Makefile").read_text().splitlines()
    targets = {line.split(":")[0] for line in makefile if line[:1].isalpha() and ": " in line}
    targets = {target for target in targets if " " not in target}
    assert {"up", "down", "clean", "status", "kill", "demo", "test"} <= listed.keys()
    assert listed.keys() == targets
    assert all(len(line.split()) > 3 for line in listed.values())
