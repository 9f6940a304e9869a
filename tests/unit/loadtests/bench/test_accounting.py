from pathlib import Path

import pytest

from loadtests.bench.accounting import core_seconds, cpu_seconds, family, open_files, rss_kib


def process(proc: Path, pid: int, parent: int, tasks: dict[int, int], name: str = "a") -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) S {parent} 1 1")
    for task, nanoseconds in tasks.items():
        (proc / str(pid) / "task" / str(task)).mkdir(parents=True)
        (proc / str(pid) / "task" / str(task) / "schedstat").write_text(f"{nanoseconds} 5 7")


def test_all_processes_and_threads_of_a_proxy_count_and_no_others(tmp_path: Path) -> None:
    process(tmp_path, 1, 0, {1: 10**9})
    process(tmp_path, 10, 1, {10: 10**9, 11: 2 * 10**9}, name="evil ) S 99")
    process(tmp_path, 20, 10, {20: 4 * 10**9})
    process(tmp_path, 30, 20, {30: 8 * 10**9})
    process(tmp_path, 40, 1, {40: 16 * 10**9})
    (tmp_path / "50").mkdir()  # it has just ended
    (tmp_path / "self").mkdir()
    assert family(10, tmp_path) == {10, 20, 30}
    assert cpu_seconds(10, tmp_path) == 15.0


def test_one_that_ended_used_nothing_more(tmp_path: Path) -> None:
    assert cpu_seconds(7, tmp_path) == 0.0


def test_how_long_a_core_was_busy(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(
        "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\ncpu1 100 50 25 999 999 10 10 5 0 0\n"
    )
    assert core_seconds(1, tmp_path) == 2.0
    with pytest.raises(ValueError, match="no cpu7"):
        core_seconds(7, tmp_path)


def test_memory_and_open_files(tmp_path: Path) -> None:
    (tmp_path / "7" / "fd").mkdir(parents=True)
    (tmp_path / "7" / "fd" / "0").touch()
    (tmp_path / "7" / "statm").write_text("1000 250 1 1 0 1 0")
    assert rss_kib(7, tmp_path) == 1000
    assert open_files(7, tmp_path) == 1
