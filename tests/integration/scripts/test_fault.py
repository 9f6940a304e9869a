"""Faults on containers of our own: each does what it says, and `heal` undoes all of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.scripts.project import Project

COMPOSE = """
networks:
  inside: {{name: {project}-inside, internal: true}}
  edge: {{name: {project}-edge}}
x-idle: &idle
  image: holdfast/base
  pull_policy: never
  command: [bash, -c, "trap exit TERM; while true; do sleep 1 & wait; done"]
  networks: [inside]
  labels: {{holdfast.zone: a}}
  restart: unless-stopped
  mem_limit: 32m
services:
  orders-a: *idle
  balancer-a: {{<<: *idle, networks: [inside, edge]}}
  orders-b: {{<<: *idle, labels: {{holdfast.zone: b}}}}
"""

FaultResult = subprocess.CompletedProcess[str]


class Cluster(Project):
    """A few containers that look like a cluster to fault.sh."""

    def __init__(self, folder: Path, compose: str = COMPOSE) -> None:
        super().__init__(folder, compose)

    def fault(self, *words: str) -> FaultResult:
        return subprocess.run(
            ["scripts/fault.sh", *words],
            env={**os.environ, "COMPOSE_PROJECT_NAME": self.project},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    def inspect(self, instance: str) -> dict[str, Any]:
        name = f"{self.project}-{instance}"
        told = subprocess.run(["docker", "inspect", name], check=True, capture_output=True)
        found: dict[str, Any] = json.loads(told.stdout)[0]
        return found

    def state(self, instance: str) -> str:
        return str(self.inspect(instance)["State"]["Status"])

    def networks(self, instance: str) -> dict[str, set[str]]:
        """The container's names by network."""
        networks = self.inspect(instance)["NetworkSettings"]["Networks"]
        return {name: set(on["Aliases"]) for name, on in networks.items()}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("fault")).running() as made:
        yield made


def test_kill_and_heal(cluster: Cluster) -> None:
    assert cluster.fault("kill", "orders-a-1").stdout == "killed orders-a-1\n"
    assert cluster.state("orders-a-1") == "exited"
    again = cluster.fault("kill", "orders-a-1")
    assert again.returncode == 1
    assert "orders-a-1 is exited already" in again.stderr
    healed = cluster.fault("heal").stdout
    assert "started orders-a-1" in healed
    assert "all healthy: 3 instances" in healed
    assert cluster.state("orders-a-1") == "running"


def test_a_zone_goes_as_a_whole_and_leaves_the_others(cluster: Cluster) -> None:
    assert cluster.fault("stop", "a").stdout == "stopped 2: balancer-a-1, orders-a-1\n"
    assert [cluster.state(i) for i in ("balancer-a-1", "orders-b-1")] == ["exited", "running"]
    cluster.fault("heal")
    assert cluster.state("balancer-a-1") == "running"


def test_pause_and_heal(cluster: Cluster) -> None:
    assert cluster.fault("pause", "orders-b-1").stdout == "paused orders-b-1\n"
    assert cluster.state("orders-b-1") == "paused"
    assert "unpaused orders-b-1" in cluster.fault("heal").stdout
    assert cluster.state("orders-b-1") == "running"


def test_a_cut_is_mended_with_the_same_networks_and_names(cluster: Cluster) -> None:
    before = cluster.networks("balancer-a-1")
    assert len(before) == 2
    assert cluster.fault("cut", "balancer-a-1").stdout == "cut off balancer-a-1\n"
    assert cluster.networks("balancer-a-1") == {}
    assert "reconnected balancer-a-1" in cluster.fault("heal").stdout
    assert cluster.networks("balancer-a-1") == before


def test_several_faults_at_once_are_undone_together(cluster: Cluster) -> None:
    cluster.fault("cut", "orders-b-1")
    cluster.fault("pause", "orders-b-1")
    cluster.fault("kill", "orders-a-1")
    assert cluster.fault("heal").returncode == 0
    assert [cluster.state(i) for i in ("orders-a-1", "orders-b-1")] == ["running", "running"]
    assert cluster.networks("orders-b-1")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["kill", "orders-z-9"], "There are: balancer-a-1 orders-a-1 orders-b-1"),
        (["kill"], "make kill I=orders-a-1"),
        (["slow"], "make slow I=orders-a-1 MS=200"),
        (["slow", "200"], "make slow MS=200 I=orders-a-1"),
        (["fill"], "make fill I=kafka-b-1"),
        (["explode"], "kill|pause|cut|stop|split"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(
    cluster: Cluster, words: list[str], told: str
) -> None:
    wrong = cluster.fault(*words)
    assert wrong.returncode == 1
    assert told in wrong.stderr
