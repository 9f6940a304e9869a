import time
from types import SimpleNamespace
from typing import Any

from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.consumer.subscription_state import SubscriptionState
from kafka.net.compat import KafkaNetClient

from chassis.bus.clients import connect, refresh_when_redirected, wait_when_overdue


def test_a_broker_that_is_gone_is_not_waited_for() -> None:
    """The library takes these two nowhere but in the client that its clients are built on."""

    def make(kafka_client: Any, **config: Any) -> KafkaNetClient:
        made = kafka_client(**config)
        assert isinstance(made, KafkaNetClient)
        return made

    client = connect(make, bootstrap_servers=["localhost:1"], socket_connection_setup_timeout_ms=9)
    try:
        assert client._manager.socket_connection_setup_timeout_ms("1") == 500
        client._manager.update_backoff("1")
        client._manager.update_backoff("1")
        client._manager.update_backoff("1")
        assert client._manager.socket_connection_setup_timeout_ms("1") <= 1_200  # 1 s, jittered
    finally:
        client.close()


def test_a_replica_that_the_metadata_does_not_know_is_looked_up() -> None:
    """It came back, and the leader sends us there: the library would ask the leader again."""
    here, client = TopicPartition("orders", 0), KafkaNetClient(bootstrap_servers=["localhost:1"])
    subscription = SubscriptionState("earliest")
    subscription.assign_from_user([here])
    consumer = SimpleNamespace(_fetcher=Fetcher(client, subscription))
    refresh_when_redirected(consumer)
    cluster = client._manager.cluster
    cluster._need_update = False
    try:
        consumer._fetcher._select_read_replica(here)
        assert not cluster._need_update

        subscription.assignment[here].update_preferred_read_replica(3, time.monotonic() + 30)
        consumer._fetcher._select_read_replica(here)
        assert cluster._need_update
    finally:
        client.close()


def test_a_poll_waits_although_the_heartbeat_is_overdue() -> None:
    """Every packet to Kafka is dropped: the library would go round without a pause."""
    due = 0.0
    consumer = SimpleNamespace(_coordinator=SimpleNamespace(time_to_next_poll=lambda: due))
    wait_when_overdue(consumer)
    assert consumer._coordinator.time_to_next_poll() == 0.1
    due = 1.5
    assert consumer._coordinator.time_to_next_poll() == 1.5
