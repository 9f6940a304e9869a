"""`make acquirer` asks the instances one after the other, for as long as one cannot do it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.scripts.project import Project

# What stands for `python -m services.acquirer.turn` ends as its first word says.
COMPOSE = """
networks:
  default: {{internal: true}}
x-idle: &idle
  image: holdfast/base
  pull_policy: never
  command: [sleep, infinity]
  init: true
  mem_limit: 32m
  volumes: ["./turn:/usr/local/bin/python:ro"]
services:
  acquirer-a: {{<<: *idle, environment: {{ZONE: a}}}}
  acquirer-b: {{<<: *idle, environment: {{ZONE: b}}}}
"""
TURN = """#!/bin/bash
echo "asked $ZONE"
for word in "$@"; do case $word in "$ZONE="*) exit "${word#*=}" ;; esac; done
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("acquirer")
    (folder / "turn").write_text(TURN)
    (folder / "turn").chmod(0o755)
    with Project(folder, COMPOSE).running() as made:
        yield made


@pytest.mark.parametrize(
    ("words", "asked", "status"),
    [
        ((), "a", 0),
        (("a=2",), "a", 2),  # the words make no sense, to nobody
        (("a=1",), "ab", 0),  # it does not answer, or its database does not
        (("a=1", "b=1"), "ab", 1),
    ],
)
def test_the_next_one_is_asked_if_one_cannot(
    project: Project, words: tuple[str, ...], asked: str, status: int
) -> None:
    told = subprocess.run(
        ["scripts/acquirer.sh", *words],
        env=project.env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert told.stdout.split() == [word for zone in asked for word in ("asked", zone)]
    assert told.returncode == status
    assert ("make heal" in told.stderr) == (status == 1)
