import math
from pathlib import Path

import pytest

from gamedays.history import FILE, History, HistoryBroken, Record, Writer, read
from tests.unit.gamedays.script import call, fault, history, truth


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one, other = Writer(tmp_path), Writer(tmp_path)  # two processes, one file
    one.write(Record(2.0, "a", "invoke", "order", "k", {"seats": 2}))
    other.write(Record(1.0, "nemesis", "info", "fault", "kill", {"targets": ["x"]}))
    one.write(Record(3.0, "a", "ok", "order", "k", {"seats": [1, 2]}))
    one.close()
    other.close()
    found = read(tmp_path)
    assert [r.time for r in found.records] == [1.0, 2.0, 3.0]
    assert found.operations[0].answered == {"seats": [1, 2]}


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    whole = Record(1.0, "a", "invoke", "order").encode()
    (tmp_path / FILE).write_bytes(whole + whole[:20])
    assert len(read(tmp_path).records) == 1


@pytest.mark.parametrize("line", [b"{}\n", b"nothing\n", b'{"time": 1, "process": "a"}\n'])
def test_what_is_no_record_is_refused(tmp_path: Path, line: bytes) -> None:
    (tmp_path / FILE).write_bytes(line)
    with pytest.raises(HistoryBroken, match="not a record"):
        read(tmp_path)


def test_an_unknown_type_is_refused() -> None:
    line = Record(1.0, "a", "maybe", "order").encode()  # type: ignore[arg-type]
    with pytest.raises(HistoryBroken, match="maybe"):
        Record.decode(line)


def test_calls_and_answers_are_paired_by_process() -> None:
    found = history(
        call("order", "1", 1.0, 4.0, process="a"),
        call("order", "2", 2.0, 3.0, "fail", process="b"),
    ).operations
    assert [(o.key, o.outcome, o.begin, o.end) for o in found] == [
        ("1", "ok", 1.0, 4.0),
        ("2", "fail", 2.0, 3.0),
    ]


def test_an_operation_of_unknown_outcome_never_ends() -> None:
    (given_up,) = history(call("order", "1", 1.0, 2.0, "info")).operations
    assert (given_up.end, given_up.known_at, given_up.ok) == (math.inf, 2.0, False)
    (died,) = history(call("order", "1", 1.0, None)).operations
    assert (died.outcome, died.end, died.known_at) == ("info", math.inf, math.inf)


def test_a_process_that_calls_again_had_died() -> None:
    found = history(
        call("order", "1", 1.0, None, process="a"), call("order", "2", 2.0, 3.0, process="a")
    ).operations
    assert [o.outcome for o in found] == ["info", "ok"]


@pytest.mark.parametrize("key", ["1", "other"])
def test_an_answer_that_nobody_asked_for_is_refused(key: str) -> None:
    asked = [Record(1.0, "a", "invoke", "order", "another")] if key == "other" else []
    answer = Record(2.0, "a", "ok", "order", key)
    with pytest.raises(HistoryBroken, match="had not begun"):
        _ = History([*asked, answer]).operations


def test_the_load_has_a_begin_and_an_end() -> None:
    found = history(call("browse", "x", -5.0, -4.0), call("browse", "x", 5.0, 6.0))
    assert [o.begin for o in found.under_load] == [5.0]
    with pytest.raises(HistoryBroken, match="no phase"):
        _ = History([]).load


def test_faults_are_no_operations() -> None:
    found = history(fault(3.0, "orders-a-1"))
    assert found.operations == []
    assert found.marks("fault")[0].value == {"targets": ["orders-a-1"]}


def test_the_last_reading_of_the_truth_counts() -> None:
    found = history(truth("tally", [{"n": 1}], at=0.0), truth("tally", [{"n": 2}], at=9.0))
    assert found.truth("tally") == [{"n": 2}]
    assert found.truth("tally", first=True) == [{"n": 1}]
    with pytest.raises(HistoryBroken, match="tally was read once"):
        history(truth("tally", [{"n": 2}])).truth("tally", first=True)
    with pytest.raises(HistoryBroken, match="nobody read"):
        found.truth("seats")
