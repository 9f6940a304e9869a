import subprocess
import sys
import time
import uuid

import pytest

from chassis.bus.clients import consuming
from tests.integration.conftest import docker, one_broker
from tests.ports import free_port

# In a process of its own: the library leaves refused sockets to the collector, which warns.
SCRIPT = """
import sys, threading, kafka
from chassis.bus.clients import connect
_, client, nobody = sys.argv
for _ in range(2):
    try:
        connect(getattr(kafka, client), bootstrap_servers=[nobody], bootstrap_timeout_ms=200)
    except kafka.errors.KafkaError:
        print(threading.active_count())
"""


@pytest.mark.parametrize("client", ["KafkaConsumer", "KafkaProducer", "KafkaAdminClient"])
def test_a_client_that_cannot_reach_kafka_leaves_no_thread_behind(client: str) -> None:
    nobody = f"127.0.0.1:{free_port()}"

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, client, nobody], check=True, capture_output=True, text=True
    )

    assert done.stdout.split() == ["1", "1"]


# Three brokers that take connections and never answer, as paused ones do; prints how often each was
# asked, and for how many seconds in all.
MUTE = """
import socket, time, kafka
from chassis.bus.clients import connect
mute = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
servers = ["127.0.0.1:%d" % one.getsockname()[1] for one in mute]
began = time.monotonic()
try:
    connect(kafka.KafkaAdminClient, bootstrap_servers=servers, bootstrap_timeout_ms=3_300)
except kafka.errors.KafkaError:
    pass
took = time.monotonic() - began
for one in mute:
    one.setblocking(False)
    asked = 0
    try:
        while True:
            one.accept()
            asked += 1
    except BlockingIOError:
        print(asked)
print(took)
"""


def test_each_broker_is_asked_when_others_never_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MUTE], check=True, capture_output=True, text=True
    )
    *asked, took = map(float, done.stdout.split())
    assert min(asked) >= 1, asked
    assert took < 20  # of 3.3


def test_a_poll_does_not_spin_while_kafka_is_mute() -> None:
    with one_broker() as brokers:
        container = docker("ps", "--quiet", "--filter", f"publish={brokers.rpartition(':')[2]}")
        group = {"group_id": str(uuid.uuid4()), "heartbeat_interval_ms": 500}
        with consuming({"bootstrap_servers": [brokers], "request_timeout_ms": 20_000} | group) as c:
            c.subscribe(["orders"])
            until = time.monotonic() + 30
            while not c.assignment() and time.monotonic() < until:
                c.poll(100)
            assert c.assignment()
            rounds = 0
            once = c._poll_once

            def counted(*args: object, **more: object) -> object:
                nonlocal rounds
                rounds += 1
                return once(*args, **more)

            c._poll_once = counted
            docker("pause", container)
            try:
                for _ in range(6):  # longer than until the heartbeat is overdue
                    c.poll(500)
            finally:
                docker("unpause", container)
    assert rounds < 100  # of a tenth of a second each; without the bound there are thousands
