"""Networks broken on containers of our own: who reaches whom, and everybody after `heal`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.scripts.test_fault import Cluster

COMPOSE = """
networks:
  inside: {{name: {project}-inside, internal: true}}
x-server: &server
  image: holdfast/python
  pull_policy: never
  command: [python, -m, http.server, "8000"]
  networks: [inside]
  labels: {{holdfast.zone: a}}
  mem_limit: 64m
services:
  orders-a: *server
  catalog-a: *server
  orders-b: {{<<: *server, labels: {{holdfast.zone: b}}}}
"""

ASK = "import urllib.request as r; r.urlopen('http://{}:8000/', timeout=2).read(1)"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("rules"), COMPOSE)
    made.compose("up", "--detach")
    yield made
    made.compose("down", "--timeout", "1")


def reaches(cluster: Cluster, one: str, other: str) -> bool:
    """Whether one of them gets an answer of the other one."""
    asked = subprocess.run(
        ["docker", "exec", f"{cluster.project}-{one}-1", "python", "-c", ASK.format(other)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    return asked.returncode == 0


def test_a_split_parts_two_halves_and_leaves_each_whole(cluster: Cluster) -> None:
    assert cluster.fault("split", "a").stdout == "split off 2: catalog-a-1, orders-a-1\n"
    assert not reaches(cluster, "orders-a", "orders-b")
    assert not reaches(cluster, "orders-b", "orders-a")
    assert reaches(cluster, "orders-a", "catalog-a")
    assert "joined again catalog-a-1, orders-a-1" in cluster.fault("heal").stdout
    assert reaches(cluster, "orders-a", "orders-b")
    assert reaches(cluster, "orders-b", "catalog-a")


def test_who_was_killed_while_split_comes_back_without_rules(cluster: Cluster) -> None:
    cluster.fault("split", "orders-a-1")
    cluster.fault("kill", "orders-a-1")
    assert cluster.fault("heal").returncode == 0
    assert reaches(cluster, "orders-a", "orders-b")


def test_slow_is_done_or_said_to_be_impossible(cluster: Cluster) -> None:
    slowed = cluster.fault("slow", "200", "orders-a-1")
    if slowed.returncode:
        assert slowed.stderr == (
            "This kernel has no netem (tc qdisc), so nobody can be slowed here.\n"
        )
        return
    assert slowed.stdout == "slowed by 200 ms orders-a-1\n"
    assert reaches(cluster, "orders-a", "orders-b")
    assert "joined again orders-a-1" in cluster.fault("heal").stdout


def test_how_slow_has_to_be_said(cluster: Cluster) -> None:
    wrong = cluster.fault("slow", "orders-a-1")
    assert wrong.returncode == 1
    assert "make slow I=orders-a-1 MS=200" in wrong.stderr


def test_nobody_is_left_to_be_split_from(cluster: Cluster) -> None:
    wrong = cluster.fault("split", "a", "b")
    assert wrong.returncode == 1
    assert "nobody else" in wrong.stderr
