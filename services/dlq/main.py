"""`make dlq`: lists the dead letters; with REPLAY=all or REPLAY=0:17 sends them back.

A letter is sent before that is remembered, so a command that is killed in between sends it twice;
the consumers know an event by its id and let it have its effect once.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import closing

from kafka.errors import KafkaError

from services.dlq.bus import DeadLetterTopic, NoBroker
from services.dlq.decisions import CannotReplay, after_replay, choose, table


def run(topic: DeadLetterTopic, wish: str) -> None:
    """Lists, or replays what is wished for.

    Raises:
        CannotReplay: the wish makes no sense.
    """
    letters, progress = topic.letters(), topic.progress()
    if not wish:
        print(table(letters, progress))
        return
    chosen = choose(wish, letters, progress)
    changed = after_replay(wish, chosen, letters, progress)
    for of_partition in changed.values():
        of_partition.encode()  # whether it can be remembered is known before anything is sent
    topic.send_back(chosen)
    topic.remember(changed)
    for letter in chosen:
        print(f"{letter.name} {letter.type} sent back to {letter.topic}")
    print(f"{len(chosen)} replayed")


def main() -> int:
    """0 done; 1 Kafka does not answer, or not in all; 2 the wish makes no sense."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    brokers = os.environ.get("KAFKA_BROKERS", "")
    if not brokers:
        print("KAFKA_BROKERS is not set: use make dlq", file=sys.stderr)
        return 2
    try:
        with closing(DeadLetterTopic(brokers)) as topic:
            run(topic, os.environ.get("REPLAY", ""))
    except CannotReplay as error:
        print(error, file=sys.stderr)
        return 2
    except NoBroker as error:
        print(f"Kafka does not answer: {error}. See: make status, make heal", file=sys.stderr)
        return 1
    except (KafkaError, TimeoutError) as error:
        print(f"Kafka stopped answering: {error}. Once more, or: make status", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
