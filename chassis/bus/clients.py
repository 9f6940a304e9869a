"""Making kafka-python's clients: one that cannot reach Kafka leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kafka.net.compat import KafkaNetClient

T = TypeVar("T")

# A broker whose container is gone refuses nothing: a connection to its last address just hangs. The
# library's 10 s, growing to 30, kept a producer from asking the other brokers for the new leader.
_CONNECT = {
    "socket_connection_setup_timeout_ms": 500,
    "socket_connection_setup_timeout_max_ms": 1_000,
}


def connect(make: Callable[..., T], **config: Any) -> T:
    """`make(**config)` for a KafkaConsumer, KafkaProducer or KafkaAdminClient.

    The library starts an I/O thread before it looks for Kafka, and forgets it when there is none:
    a process that tries again for an hour would have a thousand of them.

    Raises:
        KafkaError: no broker answered in time.
    """
    begun: list[KafkaNetClient] = []

    def begin(**options: Any) -> KafkaNetClient:
        begun.append(KafkaNetClient(**{**options, **_CONNECT}))
        return begun[-1]

    try:
        return make(kafka_client=begin, **config)
    except BaseException:
        for client in begun:
            client.close()
        raise
