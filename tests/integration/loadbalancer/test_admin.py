"""What the admin listener tells and takes."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest

from tests.integration.loadbalancer.harness import TOKEN, Cluster, Start, ask, wait_until

AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


class Followed:
    """The events of a balancer, as they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def until(self, message: str) -> dict[str, Any]:
        while True:
            line = await self._reader.readline()
            assert line, "the events have ended"
            if line.startswith(b"data: "):
                event: dict[str, Any] = json.loads(line[6:])
                if event["message"] == message:
                    return event

    async def end(self) -> None:
        while await self._reader.readline():
            pass


async def follow(made: Cluster) -> Followed:
    reader, writer = await asyncio.open_connection("127.0.0.1", made.admin)
    writer.write(
        b"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % TOKEN.encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Type: text/event-stream" in head
    return Followed(reader, writer)


def post(made: Cluster, path: str) -> int:
    return ask(made.admin, "POST", path, headers=AUTHORIZATION).status


@pytest.mark.parametrize("workers", [1, 2])
async def test_every_change_of_state_can_be_followed(cluster: Start, workers: int) -> None:
    made: Cluster = cluster(2, workers=workers)
    events = await follow(made)
    made.order("drain", "x-a-1")
    draining = await events.until("instance draining")
    assert (draining["target"], draining["reason"]) == ("x-a-1", "by hand")
    made.order("undrain", "x-a-1")
    await events.until("instance up")
    made.backends[1].kill()
    failing = await events.until("instance failing")
    assert failing["target"] == "x-a-2"
    assert failing["reason"]
    post(made, "/reload")
    await events.until("configuration taken")
    if workers > 1:
        os.kill(max(made.workers()), signal.SIGKILL)
        died = await events.until("worker died")
        assert died["reason"] == "SIGKILL"
    made.balancer.signal(signal.SIGTERM)
    await events.end()
    events.writer.close()
    assert await asyncio.to_thread(made.balancer.popen.wait, 10) == 0


async def test_events_need_the_token(cluster: Start) -> None:
    made: Cluster = cluster(1)
    assert ask(made.admin, target="/events").status == 401


def test_a_weight_by_hand_outlives_a_reload_that_says_no_other(cluster: Start) -> None:
    made: Cluster = cluster(2)
    assert post(made, "/pools/p/instances/x-a-1/weight/4") == 200
    served = [made.ask().body for _ in range(20)]
    assert served.count(b"a/x-a-1") == 16
    assert made.instance("x-a-1")["weight"] == 4
    assert post(made, "/reload") == 200
    assert made.instance("x-a-1")["weight"] == 4
    event = made.events("instance weight")[0]
    assert (event["target"], event["weight"], event["was"]) == ("x-a-1", 4, 1)


def test_weights_count_for_all_workers(cluster: Start) -> None:
    made: Cluster = cluster(2, workers=2)
    assert post(made, "/pools/p/instances/x-a-1/weight/99") == 200
    wait_until(lambda: [made.ask().body for _ in range(20)].count(b"a/x-a-1") >= 18, "both know")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/pools/p/instances/x-a-1/weight/0", 400),
        ("/pools/p/instances/x-a-1/weight/101", 400),
        ("/pools/p/instances/x-a-1/weight/x", 400),
        ("/pools/p/instances/nobody/weight/5", 404),
        ("/pools/nothing/instances/x-a-1/drain", 404),
        ("/nothing", 404),
    ],
)
def test_what_is_refused(cluster: Start, path: str, status: int) -> None:
    assert post(cluster(1), path) == status
