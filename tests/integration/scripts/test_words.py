"""What the words after `make` mean is found out before anything is asked of the cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Three containers; the members of Postgres that know of the others are the test's.
ENGINE = """#!/bin/bash
case "$*" in
  "ps "*) if [ -n "$RUNS" ]; then printf 'orders-a\\norders-a\\ncatalog-b\\n'; fi ;;
  *"GET /cluster"*) [[ $* == *" postgres-$KNOWS "* ]] ;;
  *) echo "$*" >>asked ;;
esac
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The scripts with an engine of their own."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    return tmp_path


def run(copy: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{copy / 'bin'}:{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, "RUNS": "yes", "KNOWS": "none", **env}
    return subprocess.run(
        words, cwd=copy, env=given, capture_output=True, text=True, timeout=30, check=False
    )


def asked(copy: Path) -> list[str]:
    path = copy / "asked"
    return path.read_text().splitlines() if path.exists() else []


class TestLogs:
    @pytest.mark.parametrize(
        ("words", "followed"),
        [
            ((), ""),
            (("orders-a",), " orders-a"),
            (("orders-a", "catalog-b"), " orders-a catalog-b"),
            (("orders-a-2",), " --index 2 orders-a"),
        ],
    )
    def test_of_all_of_services_and_of_one_instance(
        self, copy: Path, words: tuple[str, ...], followed: str
    ) -> None:
        assert run(copy, "scripts/logs.sh", *words).returncode == 0
        assert asked(copy) == [f"compose logs --follow --tail 20{followed}"]

    @pytest.mark.parametrize("word", ["orders", "ordres-a", "catalog-c-1"])
    def test_who_is_not_there_is_said_with_who_is(self, copy: Path, word: str) -> None:
        done = run(copy, "scripts/logs.sh", word)
        assert done.returncode == 1
        assert f"no '{word}'" in done.stderr
        assert "catalog-b orders-a" in done.stderr
        assert asked(copy) == []

    def test_of_nothing(self, copy: Path) -> None:
        done = run(copy, "scripts/logs.sh", RUNS="")
        assert done.returncode == 1
        assert "make up" in done.stderr


class TestSwitchover:
    def test_a_member_that_knows_the_others_does_it(self, copy: Path) -> None:
        assert run(copy, "scripts/switchover.sh", KNOWS="b").returncode == 0
        assert asked(copy) == [
            "compose exec -T --env PYTHONPATH=/etc postgres-b python3 -m holdfast.handover"
        ]

    def test_where_there_is_none_it_is_said(self, copy: Path) -> None:
        done = run(copy, "scripts/switchover.sh")
        assert done.returncode == 1
        assert "make heal" in done.stderr
        assert asked(copy) == []


def test_down_does_nothing_by_a_word_that_it_does_not_know(copy: Path) -> None:
    done = run(copy, "scripts/down.sh", "--claen")
    assert done.returncode == 1
    assert "--clean" in done.stderr
    assert asked(copy) == []
