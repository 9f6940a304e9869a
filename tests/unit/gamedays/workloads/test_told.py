import pytest

from gamedays.workloads.told import _partitions


class Consumer:
    """Knows one topic's partitions."""

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0, 1} if topic == "orders" else None


def test_a_topic_that_nobody_knows_was_not_read() -> None:
    assert len(_partitions(Consumer(), "orders")) == 2
    with pytest.raises(TimeoutError, match="which partitions payments has"):
        _partitions(Consumer(), "payments")
