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

ASK = """
import time, urllib.request
began = time.monotonic()
urllib.request.urlopen('http://{}:8000/', timeout=2).read(1)
print(time.monotonic() - began)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("rules"), COMPOSE).running() as made:
        yield made


def seconds_to(cluster: Cluster, one: str, other: str) -> float | None:
    """What it takes one of them to get an answer of the other one, its own start not counted."""
    asked = subprocess.run(
        ["docker", "exec", f"{cluster.project}-{one}-1", "python", "-c", ASK.format(other)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    return float(asked.stdout) if asked.returncode == 0 else None


def reaches(cluster: Cluster, one: str, other: str) -> bool:
    """Whether one of them gets an answer of the other one."""
    return seconds_to(cluster, one, other) is not None


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


def helpers(cluster: Cluster) -> list[str]:
    """Those beside containers that are slow."""
    told = subprocess.run(
        ["docker", "ps", "--format", "{{.Names}}", "--filter", "label=holdfast.delays"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in told.stdout.split() if name.startswith(cluster.project)]


def slow(cluster: Cluster, target: str) -> str:
    """Makes packets wait 300 ms; gives what was said."""
    slowed = cluster.fault("slow", "300", target)
    if "Nobody can be slowed here" in slowed.stderr:
        pytest.skip(slowed.stderr)
    return slowed.stdout


def test_each_packet_of_who_is_slow_waits(cluster: Cluster) -> None:
    assert slow(cluster, "orders-a-1") == "slowed by 300 ms orders-a-1\n"
    # To connect takes one packet from here, and so does to ask.
    assert (seconds_to(cluster, "orders-a", "orders-b") or 0) >= 0.6
    # Asked, it answers one packet to the connection, and one to the question.
    assert (seconds_to(cluster, "orders-b", "orders-a") or 0) >= 0.6
    assert reaches(cluster, "orders-b", "catalog-a")
    assert "no longer slow orders-a-1" in cluster.fault("heal").stdout
    assert reaches(cluster, "orders-a", "orders-b")
    assert helpers(cluster) == []


def test_who_was_killed_while_slow_comes_back_as_it_was(cluster: Cluster) -> None:
    assert slow(cluster, "a") == "slowed by 300 ms 2: catalog-a-1, orders-a-1\n"
    cluster.fault("kill", "orders-a-1")
    assert cluster.fault("heal").returncode == 0
    assert reaches(cluster, "orders-a", "catalog-a")
    assert helpers(cluster) == []


def test_how_slow_has_to_be_said(cluster: Cluster) -> None:
    wrong = cluster.fault("slow", "orders-a-1")
    assert wrong.returncode == 1
    assert "make slow I=orders-a-1 MS=200" in wrong.stderr


def test_nobody_is_left_to_be_split_from(cluster: Cluster) -> None:
    wrong = cluster.fault("split", "a", "b")
    assert wrong.returncode == 1
    assert "nobody else" in wrong.stderr
