"""`make load-ui` says what is in its way before it starts anything."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid


def load_ui(port: int) -> subprocess.CompletedProcess[str]:
    """In a project where nothing runs."""
    project = f"holdfast-test-load-{uuid.uuid4().hex[:8]}"
    return subprocess.run(
        ["scripts/load.sh", "ui"],
        env={**os.environ, "COMPOSE_PROJECT_NAME": project, "LOCUST_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_port_that_is_taken_is_named_with_the_way_to_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        told = load_ui(port)
    assert told.returncode == 1
    assert f"127.0.0.1:{port}" in told.stderr
    assert "LOCUST_PORT=" in told.stderr


def test_without_a_cluster_there_is_nothing_to_load() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    told = load_ui(port)
    assert told.returncode == 1
    assert "make up" in told.stderr
