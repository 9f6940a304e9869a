"""A disk filled to the last byte on a container of our own, and room again after `heal`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.scripts.test_fault import Cluster

COMPOSE = """
x-idle: &idle
  image: holdfast/base
  pull_policy: never
  user: "10001:10001"
  command: [bash, -c, "trap exit TERM; while true; do sleep 1 & wait; done"]
  network_mode: none
  labels: {{holdfast.zone: a}}
  restart: unless-stopped
  mem_limit: 32m
services:
  small-a: {{<<: *idle, volumes: ["small:/data"]}}
  large-a: {{<<: *idle, volumes: ["large:/data"]}}
volumes:
  small:
    name: {project}-small
    driver_opts: {{type: tmpfs, device: tmpfs, o: "size=2m,uid=10001,gid=10001"}}
  large: {{name: {project}-large}}
"""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("disks"), COMPOSE).running() as made:
        yield made
        made.fault("heal")


def runs(cluster: Cluster, command: str) -> subprocess.CompletedProcess[str]:
    """A command in the container with the small disk."""
    return subprocess.run(
        ["docker", "exec", f"{cluster.project}-small-a-1", "bash", "-ec", command],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_nothing_fits_on_a_full_disk_and_what_was_there_outlives_a_death(cluster: Cluster) -> None:
    runs(cluster, "echo kept >/data/before")
    assert cluster.fault("fill", "small-a-1").stdout == "filled the disk of small-a-1\n"
    assert "No space left on device" in runs(cluster, "echo more >/data/after").stderr
    cluster.fault("kill", "small-a-1")
    healed = cluster.fault("heal")
    assert "emptied and started small-a-1" in healed.stdout, healed.stderr
    assert runs(cluster, "echo more >/data/after && cat /data/before").stdout == "kept\n"
    assert "emptied" not in cluster.fault("heal").stdout


def test_a_disk_without_a_bound_is_not_filled(cluster: Cluster) -> None:
    refused = cluster.fault("fill", "large-a-1")
    assert refused.returncode == 1
    assert "The disk of large-a-1 has no size of its own" in refused.stderr
