"""What the engine says of the containers: what each may, and what can be reached from outside."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.conftest import ROOT, containers, docker

PUBLISHED = {"balancer-a": 2, "balancer-b": 2}  # edge and admin


@pytest.fixture(scope="module")
def all_containers() -> list[dict[str, Any]]:
    found = containers()
    assert len(found) >= 26
    return found


def name(container: dict[str, Any]) -> str:
    service: str = container["Config"]["Labels"]["com.docker.compose.service"]
    return service


def test_no_process_is_root(all_containers: list[dict[str, Any]]) -> None:
    for container in all_containers:
        users = {
            row.split()[0]
            for row in docker("top", container["Id"], "-o", "uid,pid").splitlines()[1:]
        }
        assert users, name(container)
        assert "0" not in users, name(container)


def test_systems_are_read_only_and_powers_dropped(all_containers: list[dict[str, Any]]) -> None:
    for container in all_containers:
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], name(container)
        assert host["CapDrop"] == ["ALL"], name(container)
        assert not host["CapAdd"], name(container)
        assert "no-new-privileges:true" in host["SecurityOpt"], name(container)
        assert not host["Privileged"], name(container)


def test_everything_that_grows_is_bounded(all_containers: list[dict[str, Any]]) -> None:
    for container in all_containers:
        host = container["HostConfig"]
        assert 0 < host["Memory"] <= 2**30, name(container)
        assert host["PidsLimit"] > 0, name(container)
        assert "max-size" in host["LogConfig"]["Config"], name(container)


def test_work_is_not_interrupted_by_work_but_by_who_watches_and_passes_on(
    all_containers: list[dict[str, Any]],
) -> None:
    for container in all_containers:
        rows = docker("top", container["Id"], "-o", "cls,pid").splitlines()[1:]
        batch = "B" in {row.split()[0] for row in rows}
        prompt = name(container).startswith(("balancer", "redis", "etcd", "locust"))
        assert batch != prompt, name(container)


def test_only_the_balancers_are_published_and_on_loopback_only(
    all_containers: list[dict[str, Any]],
) -> None:
    for container in all_containers:
        bindings = container["HostConfig"]["PortBindings"] or {}
        assert len(bindings) == PUBLISHED.get(name(container), 0), name(container)
        addresses = {b["HostIp"] for published in bindings.values() for b in published}
        assert addresses <= {"127.0.0.1"}, name(container)


def test_passwords_are_private_random_and_not_in_git() -> None:
    secrets = ROOT / ".env"
    assert secrets.stat().st_mode & 0o777 == 0o600
    values = dict(
        line.split("=", 1) for line in secrets.read_text().splitlines() if "PASSWORD=" in line
    )
    assert len(values) >= 8
    assert len(set(values.values())) == len(values)
    assert all(len(value) >= 24 for value in values.values())
