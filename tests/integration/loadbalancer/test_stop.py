"""SIGTERM: finish what was begun, turn nobody away who could not know, and end in time."""

import asyncio
import http.client
import signal
from contextlib import suppress

import pytest

from tests.integration.loadbalancer.harness import Cluster, Start, wait_until
from tests.integration.loadbalancer.test_http import request


@pytest.mark.parametrize("workers", [1, 3])
def test_who_keeps_a_connection_is_told_with_the_next_answer(cluster: Start, workers: int) -> None:
    made: Cluster = cluster(1, workers=workers)
    connection = http.client.HTTPConnection("127.0.0.1", made.port, timeout=10)
    connection.request("GET", "/x")
    first = connection.getresponse()
    first.read()
    assert first.getheader("connection") is None
    made.balancer.signal(signal.SIGTERM)
    wait_until(lambda: len(made.events("draining")) == workers, "draining")
    connection.request("GET", "/x")
    last = connection.getresponse()
    assert (last.status, last.getheader("connection")) == (200, "close")
    connection.close()
    assert made.balancer.popen.wait(10) == 0


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("mode", ["http", "tcp"])
async def test_who_never_ends_does_not_keep_it_from_ending(
    cluster: Start, workers: int, mode: str
) -> None:
    made: Cluster = cluster(1, workers=workers, listener=f'mode = "{mode}"')
    made.change((f"workers = {workers}", f"workers = {workers}\ndrain_seconds = 1.5"))
    assert (await asyncio.to_thread(made.reload)).status == 200
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(request(start="GET /sleep/4 HTTP/1.1"))
    await asyncio.to_thread(wait_until, lambda: made.state()["in_flight"] == 1, "under way")
    made.balancer.signal(signal.SIGTERM)
    assert await asyncio.to_thread(made.balancer.popen.wait, 10) == 0
    assert not made.events("worker died")
    with suppress(ConnectionResetError):
        assert b"late" not in await reader.read()
    writer.close()


def test_it_is_not_ready_while_it_drains(cluster: Start) -> None:
    made: Cluster = cluster(1)
    connection = http.client.HTTPConnection("127.0.0.1", made.port, timeout=10)
    connection.request("GET", "/sleep/2")
    wait_until(lambda: made.state()["in_flight"] == 1, "under way")
    made.balancer.signal(signal.SIGTERM)
    wait_until(lambda: ready(made) == (503, b"draining\n"), "not ready")
    assert connection.getresponse().read() == b"late"
    connection.close()
    assert made.balancer.popen.wait(10) == 0


def ready(made: Cluster) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", made.admin, timeout=10)
    try:
        connection.request("GET", "/readyz")
        got = connection.getresponse()
        return got.status, got.read()
    finally:
        connection.close()
