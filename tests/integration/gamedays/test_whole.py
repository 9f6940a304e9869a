"""What a real Kafka says of its copies."""

from gamedays.workloads.whole import kafka_lacks, topics


def test_a_broker_that_is_alone_has_every_copy_that_there_is(kafka: str) -> None:
    told = topics([kafka])
    assert {"orders", "payments", "dead-letters"} <= {topic["name"] for topic in told}
    assert all(topic["partitions"] for topic in told)
    assert list(kafka_lacks(told)) == []
