import subprocess
import sys

import pytest

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
