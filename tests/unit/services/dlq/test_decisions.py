from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from services.dlq.decisions import CannotReplay, Letter, Progress, after_replay, choose, table


def letter(
    partition: int, offset: int, topic: str = "orders", source: str = "", group: str = "tickets"
) -> Letter:
    return Letter(
        partition=partition,
        offset=offset,
        time=datetime(2030, 1, 2, 3, 4, offset, tzinfo=UTC),
        topic=topic,
        source=source or f"{topic}:{partition}:{offset}",
        group=group,
        type="OrderConfirmed",
        error="Bad: no",
        tries="3",
        key=b"7",
        value=b"{}",
    )


LETTERS = [letter(0, 0), letter(0, 1), letter(0, 2), letter(1, 5)]


def test_a_letter_is_read_with_its_headers() -> None:
    record = SimpleNamespace(
        partition=2,
        offset=9,
        timestamp=1_900_000_000_000,
        key=b"7",
        value=b'{"type": "OrderPlaced"}',
        headers=[
            ("source_topic", b"orders"),
            ("group", b"payments"),
            ("error", b"KeyError: x"),
            ("tries", b"3"),
        ],
    )
    read = Letter.read(record)
    assert (read.name, read.topic, read.group, read.type) == (
        "2:9",
        "orders",
        "payments",
        "OrderPlaced",
    )
    assert (read.error, read.tries, read.key) == ("KeyError: x", "3", b"7")


@pytest.mark.parametrize("value", [b"\xff", b"[]", b"{}", None])
def test_a_letter_that_is_no_event_is_still_a_letter(value: bytes | None) -> None:
    record = SimpleNamespace(
        partition=0, offset=0, timestamp=0, key=b"", value=value, headers=[("group", b"\xff")]
    )
    read = Letter.read(record)
    assert (read.type, read.topic, read.key) == ("?", "", None)


class TestProgress:
    def test_survives_being_committed(self) -> None:
        progress = Progress(4, frozenset({7, 9}))
        assert Progress.decode(*progress.encode()) == progress

    def test_no_commit_is_no_progress(self) -> None:
        assert Progress.decode(-1, "") == Progress()

    def test_knows_what_was_replayed(self) -> None:
        progress = Progress(4, frozenset({7}))
        assert [progress.has(offset) for offset in (3, 4, 7, 8)] == [True, False, True, False]

    def test_forgets_single_ones_that_all_has_passed(self) -> None:
        assert Progress(0, frozenset({2, 9})).add([], upto=5) == Progress(5, frozenset({9}))

    def test_refuses_to_remember_more_than_kafka_keeps(self) -> None:
        with pytest.raises(CannotReplay, match="REPLAY=all"):
            Progress(0, frozenset(range(10_000, 12_000))).encode()


def test_all_takes_what_was_not_replayed_yet() -> None:
    progress = {0: Progress(1, frozenset({2}))}
    assert [x.name for x in choose("all", LETTERS, progress)] == ["0:1", "1:5"]


def test_all_leaves_a_letter_that_does_not_say_where_it_came_from() -> None:
    assert choose("all", [letter(0, 0, topic="")], {}) == []


def test_one_is_taken_even_again() -> None:
    assert [x.name for x in choose("0:0", LETTERS, {0: Progress(3)})] == ["0:0"]


@pytest.mark.parametrize("wish", ["0:77", "yes", "-1:0"])
def test_what_is_not_there_is_refused(wish: str) -> None:
    with pytest.raises(CannotReplay, match=wish):
        choose(wish, LETTERS, {})


def test_after_all_nothing_is_left_for_all() -> None:
    chosen = choose("all", LETTERS, {})
    progress = after_replay("all", chosen, LETTERS, {})
    assert progress == {0: Progress(3), 1: Progress(6)}
    assert choose("all", LETTERS, progress) == []


def test_after_one_all_takes_the_others() -> None:
    chosen = choose("0:1", LETTERS, {})
    progress = after_replay("0:1", chosen, LETTERS, {})
    assert progress == {0: Progress(0, frozenset({1}))}
    assert [x.name for x in choose("all", LETTERS, progress)] == ["0:0", "0:2", "1:5"]


def test_a_record_that_several_groups_gave_up_goes_back_once() -> None:
    letters = [letter(0, n, source="orders:5:1", group=f"group-{n}") for n in range(6)]
    assert [x.name for x in choose("all", letters, {})] == ["0:0"]
    one = choose("0:3", letters, {})
    progress = after_replay("0:3", one, letters, {})
    assert progress == {0: Progress(0, frozenset(range(6)))}
    assert choose("all", letters, progress) == []


def test_a_replay_that_changes_nothing_commits_nothing() -> None:
    assert after_replay("0:1", [letter(0, 1)], LETTERS, {0: Progress(3)}) == {}


def test_the_table_says_what_was_replayed() -> None:
    shown = table(LETTERS, {1: Progress(6)}).splitlines()
    assert shown[0].split()[:4] == ["letter", "time", "topic", "group"]
    assert "yes" in next(line for line in shown if line.startswith("1:5"))
    assert "yes" not in next(line for line in shown if line.startswith("0:0"))
    assert shown[1].endswith("Bad: no")


def test_an_empty_table_says_so() -> None:
    assert table([], {}) == "no dead letters"
