"""How long marks are kept, beside how long Kafka keeps what they are about."""

from pathlib import Path

from chassis.bus.inbox import KEEP_DAYS

BROKERS = Path(__file__).parents[4] / "docker" / "kafka" / "server.properties"
SEGMENT_HOURS = 168  # log.roll.hours, where the file does not say otherwise


def test_a_mark_outlives_a_dead_letter_of_the_oldest_event() -> None:
    lines = (line.split("=", 1) for line in BROKERS.read_text().splitlines() if "=" in line)
    given = {name: value for name, value in lines if not name.startswith("#")}
    assert "log.roll.hours" not in given
    record_hours = int(given["log.retention.hours"]) + SEGMENT_HOURS
    letter_hours = record_hours
    assert (record_hours + letter_hours) / 24 < KEEP_DAYS
