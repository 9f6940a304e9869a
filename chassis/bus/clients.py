"""Making kafka-python's clients: one that cannot reach Kafka leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

T = TypeVar("T")

_LEAST_WAIT = 0.1
"""Seconds that a poll waits for a fetch under way, however late the heartbeat is."""

_CLOSE_MS = 3_000
_BOOTSTRAP_MS = 30_000
"""The library's own, where a client says nothing."""
_LEAST_ATTEMPT_MS = 1_000
"""A broker on a busy machine, just started, may take so long for its first answer."""

# A broker whose container is gone refuses nothing: a connection to its last address just hangs. The
# library's 10 s, growing to 30, kept a producer from asking the other brokers for the new leader.
_CONNECT = {
    "socket_connection_setup_timeout_ms": 500,
    "socket_connection_setup_timeout_max_ms": 1_000,
}


def connect(make: Callable[..., T], **config: Any) -> T:
    """`make(**config)` for a KafkaConsumer, KafkaProducer or KafkaAdminClient.

    Each of the brokers is asked for its share of `bootstrap_timeout_ms`, in any order. The library
    starts an I/O thread before it looks for Kafka, and forgets it when there is none:
    a process that tries again for an hour would have a thousand of them.

    Raises:
        KafkaError: no broker answered in time.
    """
    begun: list[KafkaNetClient] = []

    def begin(**options: Any) -> KafkaNetClient:
        begun.append(KafkaNetClient(**{**options, **_CONNECT}))
        ask_each(begun[-1], config.get("bootstrap_timeout_ms", _BOOTSTRAP_MS))
        return begun[-1]

    try:
        return make(kafka_client=begin, **config)
    except BaseException:
        for client in begun:
            client.close()
        raise


def ask_each(client: KafkaNetClient, bootstrap_ms: float) -> None:
    """Has a client that looks for Kafka ask every broker before it asks one again.

    kafka-python 3.0.12 chooses by chance, and has whom it chose take all of the time: a broker that
    is paused takes the connection and never answers, and the others were never asked.
    """
    manager: Any = client._manager  # noqa: SLF001 - nothing public bounds an attempt
    brokers, get = manager.cluster.bootstrap_brokers, manager.get_connection
    share = max(_LEAST_ATTEMPT_MS, bootstrap_ms / len(brokers()))

    def failures(broker: Any) -> int:
        return int(manager._backoff.get(broker.node_id, (0,))[0])  # noqa: SLF001

    def seldom_failed() -> list[Any]:
        least = min(map(failures, brokers()))
        return [broker for broker in brokers() if failures(broker) == least]

    def get_connection(node_id: Any, timeout_ms: float | None = None, **options: Any) -> Any:
        bounded = None if timeout_ms is None else min(timeout_ms, share)
        return get(node_id, timeout_ms=bounded, **options)

    manager.cluster.bootstrap_brokers = seldom_failed
    manager.get_connection = get_connection


@contextmanager
def consuming(config: dict[str, Any]) -> Iterator[KafkaConsumer]:
    """A KafkaConsumer that is closed at the end, in bounded time, and leaves its group then."""
    consumer: KafkaConsumer = connect(KafkaConsumer, **config)
    try:
        refresh_when_redirected(consumer)
        wait_when_overdue(consumer)
        yield consumer
    finally:
        with suppress(KafkaError):
            consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)


def refresh_when_redirected(consumer: Any) -> None:
    """Asks for new metadata when a leader sends a KafkaConsumer to a replica that it cannot find.

    After a broker came back, the leader says at once: read there. To a client whose metadata is
    older, that broker is still away; kafka-python 3.0.12 asks the leader again, which says the same
    again, thousands of times a second, until the metadata is refreshed for its age.
    """
    fetcher = consumer._fetcher  # noqa: SLF001 - nothing public chooses the replica
    select = fetcher._select_read_replica  # noqa: SLF001

    def select_and_look(partition: TopicPartition) -> int | None:
        wanted = fetcher._subscriptions.assignment[partition].preferred_read_replica()  # noqa: SLF001
        node: int | None = select(partition)
        if wanted is not None and node != wanted:
            fetcher._manager.cluster.request_update()  # noqa: SLF001
        return node

    fetcher._select_read_replica = select_and_look  # noqa: SLF001


def wait_when_overdue(consumer: Any) -> None:
    """Has a poll of a KafkaConsumer wait for its fetches although the heartbeat is overdue.

    kafka-python 3.0.12 waits no longer than until the next heartbeat. Where every packet is
    dropped, that one is overdue until the request fails: a poll then goes round thousands of times
    a second, and each round leaves a callback at the fetch under way, 40 MB a second in all. A
    fetch that comes back ends the wait at once, so nothing else is later by it.
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - nothing public bounds it from below
    due = coordinator.time_to_next_poll
    coordinator.time_to_next_poll = lambda: max(_LEAST_WAIT, due())
