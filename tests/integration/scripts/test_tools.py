"""Tools beside the cluster end with the command, the terminal or the person that runs them."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.integration.scripts.project import Project

COMPOSE = """
networks:
  default: {{internal: true}}
x-idle: &idle
  image: holdfast/base
  pull_policy: never
  mem_limit: 32m
services:
  orders-a: {{<<: *idle, command: [sleep, infinity], init: true}}
  tools: {{<<: *idle, profiles: [tools]}}
"""
# The first process of a container heeds no signal that it has not asked for; these ask for one.
READY = "echo ready; sleep infinity & wait"
ENDS_AT_INT = f"trap 'exit 7' INT; {READY}"
_WAIT_SECONDS = 30.0


class Cluster(Project):
    """One container that looks like a cluster to tools.sh."""

    def tools(self) -> str:
        """The names of the tools' containers."""
        named = f"label=com.docker.compose.project={self.project}"
        once = "label=com.docker.compose.oneoff=True"
        command = ["docker", "ps", "--all", "--quiet", "--filter", named, "--filter", once]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def ready(self) -> subprocess.Popen[bytes]:
        """One that goes on until it is told to end."""
        tool = self.start(READY)
        assert tool.stdout
        read_until(tool.stdout.fileno(), b"ready")
        return tool

    def start(self, script: str, *, terminal: int | None = None) -> subprocess.Popen[bytes]:
        """Runs it in the tools' container, on a terminal or on pipes."""
        ends = subprocess.PIPE if terminal is None else terminal
        return subprocess.Popen(
            # Who runs the tests may ignore these (nohup, a shell in the background); it would, too.
            ["env", "--default-signal=HUP,INT,TERM", "scripts/tools.sh", "bash", "-c", script],
            env=self.env,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=ends,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("tools"), COMPOSE).running() as made:
        yield made


def read_until(reading: int, wanted: bytes) -> None:
    seen = b""
    while wanted not in seen:
        chunk = os.read(reading, 4096)
        assert chunk, seen
        seen += chunk


def gone(cluster: Cluster) -> bool:
    until = time.monotonic() + _WAIT_SECONDS
    while cluster.tools():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def test_its_status_is_the_tools(cluster: Cluster) -> None:
    tool = cluster.start("exit 3")
    tool.communicate(timeout=_WAIT_SECONDS)
    assert tool.returncode == 3
    assert gone(cluster)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_who_is_told_to_end_takes_the_container_along(
    cluster: Cluster, number: signal.Signals, status: int
) -> None:
    with cluster.ready() as tool:
        os.killpg(tool.pid, number)  # as a terminal does, or the shell whose terminal was closed
        tool.communicate(timeout=_WAIT_SECONDS)
    assert tool.returncode == status
    assert gone(cluster)


def test_told_alone_it_does_not_wait_for_compose(cluster: Cluster) -> None:
    with cluster.ready() as tool:
        tool.terminate()
        tool.communicate(timeout=_WAIT_SECONDS)
    assert gone(cluster)


def test_a_closed_terminal_leaves_nothing_behind(cluster: Cluster) -> None:
    mine, its = pty.openpty()
    tool = cluster.start(READY, terminal=its)
    os.close(its)
    read_until(mine, b"ready")
    os.killpg(tool.pid, signal.SIGHUP)
    os.close(mine)
    tool.wait(timeout=_WAIT_SECONDS)
    assert gone(cluster)


def test_on_a_terminal_the_tool_itself_is_interrupted(cluster: Cluster) -> None:
    mine, its = pty.openpty()
    tool = cluster.start(ENDS_AT_INT, terminal=its)
    os.close(its)
    read_until(mine, b"ready")
    os.write(mine, b"\x03")
    assert tool.wait(timeout=_WAIT_SECONDS) == 7
    os.close(mine)
    assert gone(cluster)
