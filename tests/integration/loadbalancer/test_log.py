"""Whoever reads the log slowly, or not at all, costs no caller anything."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.loadbalancer.harness import (
    Cluster,
    Process,
    Start,
    ask,
    start_backend,
    start_balancer,
    wait_until,
)
from tests.ports import free_port

LONG = "/" + "x" * 3_300
"""Twenty lines with this fill a pipe, and each goes into it in one piece."""

NOBODY = '[pools.q]\ninstances = [{address = "127.0.0.1:1"}]'


class Logging:
    """A balancer that logs each request into a pipe of ours."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.backend = start_backend("a/x-a-1")
        self.port = free_port()
        file = folder / "balancer.toml"
        file.write_text(
            f'workers = {workers}\n[listeners.l]\naddress = "127.0.0.1:{self.port}"\npool = "p"\n'
            f"access_log_sample = 1.0\n[pools.p]\n"
            f'instances = [{{address = "127.0.0.1:{self.backend.port}"}}]\n'
        )
        self.read, write = os.pipe()
        with os.fdopen(write, "wb") as out:
            self.process = Process(start_balancer("--config", str(file), output=out), self.port)
        wait_until(lambda: ask(self.port, seconds=3).status == 200, "it is up")

    def end(self) -> None:
        self.process.end()
        self.backend.end()


@pytest.fixture(params=[1, 2])
def logging(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Logging]:
    made = Logging(tmp_path, request.param)
    yield made
    made.end()


def test_a_log_that_nobody_reads_stops_nothing(logging: Logging) -> None:
    for _ in range(60):
        assert ask(logging.port, target=LONG, seconds=5).status == 200
    logging.process.signal(signal.SIGTERM)
    with os.fdopen(logging.read) as log:
        lines = [json.loads(line) for line in log]
    logging.process.popen.wait(10)
    assert sum(line.get("target") == LONG for line in lines) >= 40
    assert lines[-1]["message"] in ("stopped", "all stopped")


def test_an_end_does_not_wait_for_whoever_reads_it(logging: Logging) -> None:
    for _ in range(30):
        assert ask(logging.port, target=LONG, seconds=5).status == 200
    logging.process.signal(signal.SIGTERM)
    try:
        logging.process.popen.wait(20)
    except subprocess.TimeoutExpired:
        pytest.fail("it waits for the log to be read")
    finally:
        os.close(logging.read)


def test_a_log_that_has_gone_stops_nothing(logging: Logging) -> None:
    os.close(logging.read)
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", logging.port), 5) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            with caller.makefile("rb") as got:
                assert got.read().endswith(b"a/x-a-1")  # to the connection's end
    assert logging.process.popen.poll() is None


def test_every_error_is_logged_up_to_the_bound(cluster: Start) -> None:
    log = "access_log_sample = 0.000001\naccess_log_lines = {}"
    made: Cluster = cluster(0, listener=log.format(1_000), more=NOBODY, routes='pool = "q"')
    wait_until(lambda: bool(made.whole_state()), "it is up")
    for _ in range(120):
        assert made.ask().status == 503
    wait_until(lambda: len(made.events("request")) == 120, "all of them")
    left_out = 'balancer_access_log_left_out_total{listener="l"}'
    assert f"{left_out} 0\n" in made.metrics()
    made.change((log.format(1_000), log.format(0)))
    assert made.reload().status == 200
    wait_until(
        lambda: made.ask().status == 503 and f"{left_out} 0\n" not in made.metrics(), "left out"
    )
