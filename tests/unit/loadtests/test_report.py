import dataclasses
from io import StringIO
from pathlib import Path

from rich.console import Console

from loadtests.checker import Verdict
from loadtests.progress import Now, Row, Summary, duration, line
from loadtests.report import passed, report

SUMMARY = Summary(
    seconds=10.0,
    requests=1234,
    failures=0,
    rps=123.4,
    p50=8.0,
    p99=45.0,
    slowest=1530.0,
    slowest_name="POST /orders",
    generator_cpu=0.31,
    orders={"acknowledged": 40, "refused": 2, "unknown": 0},
    marks={"failover": 7},
    rows=[Row("POST /orders", 40, 0, 12.0, 60.0, 1530.0)],
)
GOOD = Verdict(acknowledged=40, confirmed=38, declined=2)


def text(summary: Summary, verdict: Verdict | None) -> str:
    out = StringIO()
    Console(file=out, width=100).print(report(summary, verdict))
    return out.getvalue()


def test_says_all_that_a_person_asks_for() -> None:
    shown = text(SUMMARY, GOOD)
    for words in (
        "1234 (123/s)",
        "1.5 s (POST /orders)",
        "40 (38 confirmed, 2 declined)",
        "sent again by the other edge",
        "31% of a core",
    ):
        assert words in shown


def test_names_the_findings_and_counts_the_rest() -> None:
    lost = [f"order {n} is gone" for n in range(12)]
    shown = text(SUMMARY, dataclasses.replace(GOOD, lost=lost))
    assert "order 0 is gone" in shown
    assert "and 2 more" in shown


def test_no_verdict_is_no_good_news() -> None:
    assert "no verdict" in text(SUMMARY, None)
    assert not passed(SUMMARY, None)


def test_passes_only_without_failures_and_findings() -> None:
    assert passed(SUMMARY, GOOD)
    assert not passed(dataclasses.replace(SUMMARY, failures=1), GOOD)
    assert not passed(SUMMARY, dataclasses.replace(GOOD, duplicates=["twice"]))
    assert not passed(None, GOOD)


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    SUMMARY.write(tmp_path)
    assert Summary.read(tmp_path) == SUMMARY
    assert Summary.read(tmp_path / "elsewhere") is None


def test_the_progress_line_fits_a_terminal() -> None:
    now = Now(65.2, 120.0, 1250, 1034.4, 12, 8.4, 1400.0, 12345, 321)
    assert line(now) == (
        "01:05 of 02:00  1250 users   1034 req/s  12 failed  "
        "p50 8 ms  p99 1.4 s  12345 orders  321 failovers"
    )
    assert len(line(now)) < 110


def test_durations() -> None:
    assert [duration(ms) for ms in (0.4, 12.0, 999.0, 1500.0)] == [
        "0 ms",
        "12 ms",
        "999 ms",
        "1.5 s",
    ]
