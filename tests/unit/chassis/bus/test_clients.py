from typing import Any

from kafka.net.compat import KafkaNetClient

from chassis.bus.clients import connect


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
