"""A share of the smuggling table, against the real balancer: what does an instance get to see?"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fuzz import reader, smuggling
from tests.integration.loadbalancer.harness import Start, wait_until

EVERY = 6
"""Of 20,000 cases, so that it takes seconds."""
AT_ONCE = 16
LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)
CASES = [case for case in smuggling.cases() if len(case.raw) < 60_000]


class Recorder:
    """An instance that keeps the bytes of each request, and answers 200."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    async def serve(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.requests.append(await self._read(source))
                sink.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            sink.close()

    async def _read(self, source: asyncio.StreamReader) -> bytes:
        head = await source.readuntil(b"\r\n\r\n")
        if b"\r\nTransfer-Encoding: chunked\r\n" in head:
            body = line = b""
            while line != b"0\r\n":
                line = await source.readuntil(b"\r\n")
                size = int(line, 16)
                body += line + (await source.readexactly(size + 2) if size else b"")
            while line != b"\r\n":
                line = await source.readuntil(b"\r\n")
                body += line
            return head + body
        length = LENGTH.search(head)
        return head + await source.readexactly(int(length[1]) if length else 0)


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[Recorder, int]]:
    recorder = Recorder()
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield recorder, server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def send(port: int, raw: bytes) -> bytes:
    """All of it, then the end; gives all that comes back until the balancer closes."""
    source, sink = await asyncio.open_connection("127.0.0.1", port)
    try:
        sink.write(raw)
        sink.write_eof()
        return await source.read()
    except ConnectionError:
        return b""
    finally:
        sink.close()


@pytest.mark.timeout(180)
async def test_an_instance_sees_only_what_can_be_read_in_one_way(cluster: Start) -> None:
    async with recording() as (recorder, port):
        made = await asyncio.to_thread(
            cluster,
            0,
            routes='routes = [{pool = "raw"}]',
            more=f'[pools.raw]\ninstances = [{{address = "127.0.0.1:{port}"}}]\n'
            'check = {path = ""}\n',
        )
        await asyncio.to_thread(
            wait_until, lambda: made.ask(seconds=1).status == 200, "the pool is up"
        )
        recorder.requests.clear()
        cases = CASES[::EVERY]
        answers: dict[bytes, bytes] = {}

        async def work(share: list[smuggling.Case]) -> None:
            for case in share:
                answers[case.raw] = await send(made.port, case.raw)

        await asyncio.gather(*(work(cases[at::AT_ONCE]) for at in range(AT_ONCE)))
        for sent in recorder.requests:
            reader.check(sent)
        for case in cases:
            answer = answers[case.raw]
            expected = reader.forward([case.raw])
            statuses = [int(m) for m in re.findall(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]", answer)]
            final = [status for status in statuses if status >= 200]
            # What came whole is answered in order; what is wrong is the last thing that is.
            assert final[: len(expected.requests)] == [200] * len(expected.requests), case
            if isinstance(expected.end, int):
                assert final[len(expected.requests) :] == [expected.end], case
            if case.must_fail:
                assert not expected.requests, case
        assert len(recorder.requests) > 100
        assert made.balancer.popen.poll() is None
