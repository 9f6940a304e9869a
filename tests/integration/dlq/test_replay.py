"""Dead letters in a real Kafka: listed, replayed once, and never twice by `all`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid

from kafka import KafkaConsumer, KafkaProducer, TopicPartition


def dlq(brokers: str, replay: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KAFKA_BROKERS": brokers, "REPLAY": replay}
    return subprocess.run(
        [sys.executable, "-m", "services.dlq.main"],
        env=env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def send_dead_letters(brokers: str, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=brokers, acks="all")
    for value in values:
        headers = [
            ("source_topic", b"orders"),
            ("source_partition", b"0"),
            ("source_offset", uuid.uuid4().hex.encode()),
            ("group", b"tickets"),
            ("error", b"KeyError: x"),
        ]
        producer.send("dead-letters", value, b"7", headers=headers, partition=0).get(10)
    producer.close()


def count(brokers: str, value: bytes) -> int:
    """How often the value lies in the topic that it came from."""
    consumer = KafkaConsumer(
        bootstrap_servers=brokers, auto_offset_reset="earliest", consumer_timeout_ms=3_000
    )
    consumer.assign([TopicPartition("orders", n) for n in consumer.partitions_for_topic("orders")])
    found: int = sum(record.value == value and record.key == b"7" for record in consumer)
    consumer.close()
    return found


def test_letters_are_listed_and_replayed_once(kafka: str) -> None:
    first, second = (b'{"type": "OrderConfirmed", "id": "%d"}' % uuid.uuid4().int for _ in "12")
    send_dead_letters(kafka, first, second)

    listed = dlq(kafka)
    assert listed.returncode == 0, listed.stderr
    rows = [line for line in listed.stdout.splitlines() if "OrderConfirmed" in line]
    assert len(rows) == 2
    assert "KeyError: x" in rows[0]

    name = rows[0].split()[0]
    assert f"{name} OrderConfirmed sent back to orders" in dlq(kafka, name).stdout
    assert "1 replayed" in dlq(kafka, "all").stdout
    assert "0 replayed" in dlq(kafka, "all").stdout
    assert (count(kafka, first), count(kafka, second)) == (1, 1)


def test_a_wish_that_makes_no_sense_changes_nothing(kafka: str) -> None:
    refused = dlq(kafka, "0:999999")
    assert refused.returncode == 2
    assert "make dlq" in refused.stderr


def test_no_broker_is_said_in_one_line() -> None:
    refused = dlq("127.0.0.1:1")
    assert refused.returncode == 1
    assert refused.stderr == (
        "Kafka does not answer: none of 127.0.0.1:1 within 6 s. See: make status, make heal\n"
    )


def test_a_broker_that_is_paused_is_passed_over(kafka: str) -> None:
    """It takes connections and never answers; asked first and alone, it took all of the time."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        mute = [f"127.0.0.1:{paused.getsockname()[1]}" for paused in (one, two)]
        listed = dlq(",".join([*mute, kafka]))
    assert listed.returncode == 0, listed.stderr
