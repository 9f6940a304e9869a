"""Standard output that is read slowly, or by nobody."""

import os
import threading

import pytest

from loadbalancer.observe.output import Output

LINE = "x" * 999


def full_pipe() -> tuple[int, int]:
    """A pipe into which nothing more goes."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"." * 4_096)
    except BlockingIOError:
        os.set_blocking(write, True)
    return read, write


def rest(read: int, write: int) -> list[str]:
    os.close(write)
    with os.fdopen(read) as file:
        return file.read().lstrip(".").splitlines()


def test_who_does_not_read_keeps_nobody_waiting_and_is_told_what_was_lost() -> None:
    read, write = full_pipe()
    output = Output(write, most=10_000)
    output.losses = "{} lost".format
    for n in range(100):
        output.write(f"{n}{LINE}")
    assert output.lost == 91
    closing = threading.Thread(target=output.close, args=(10.0,))
    closing.start()
    data = b""
    while b"lost" not in data:
        data += os.read(read, 65_536)
    closing.join()
    os.close(write)
    with os.fdopen(read, "rb") as file:
        lines = (data + file.read()).decode().lstrip(".").splitlines()
    lines.remove("91 lost")
    assert lines == [f"{n}{LINE}" for n in range(9)]


def test_lines_go_out_in_pieces_that_nobody_elses_fall_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces: list[bytes] = []

    def write(_: int, data: bytes) -> int:
        pieces.append(data)
        return len(data)

    monkeypatch.setattr(os, "write", write)
    output = Output(1)
    for n in range(500):
        output.write(f"{n}{LINE}")
    output.write("y" * 9_000)
    output.close(10.0)
    assert b"".join(pieces).decode().splitlines() == [
        *(f"{n}{LINE}" for n in range(500)), "y" * 9_000,
    ]  # fmt: skip
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert all(len(piece) <= 4_096 or piece.count(b"\n") == 1 for piece in pieces)


def test_nobody_takes_it() -> None:
    read, write = os.pipe()
    os.close(read)
    output = Output(write)
    output.write("one")
    output.write("two")
    output.close(10.0)
    os.close(write)
    assert output.lost >= 2


def test_an_end_has_a_bound() -> None:
    read, write = full_pipe()
    output = Output(write)
    output.write("never read")
    output.close(0.05)
    os.close(read)  # frees the thread
    output.close(10.0)
    os.close(write)


def test_a_pipe_that_does_not_wait_is_waited_for() -> None:
    read, write = full_pipe()
    os.set_blocking(write, False)
    output = Output(write)
    output.write(LINE)
    reader = threading.Thread(target=lambda: os.read(read, 65_536))
    reader.start()
    output.close(10.0)
    reader.join()
    assert rest(read, write)[-1] == LINE


def test_a_text_that_is_none_is_written_all_the_same() -> None:
    read, write = os.pipe()
    output = Output(write)
    output.write("\udcff")
    output.close(10.0)
    assert rest(read, write) == ["\\udcff"]
