"""One pool's trouble stays in that pool."""

import asyncio

from tests.integration.loadbalancer.harness import Start, start_backend

HUNG = b"GET /sleep/30 HTTP/1.1\r\nHost: bad\r\n\r\n"
ROOM, QUEUE, CALLERS = 10, 5, 40


async def ask(port: int, raw: bytes) -> bytes:
    """The head of the answer, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()


async def test_a_pool_that_hangs_and_overflows_slows_no_other(cluster: Start) -> None:
    hung = start_backend("a/bad-a-1")
    try:
        made = cluster(
            2,
            route='host = "bad", pool = "bad"}, {',
            pool=f'[pools.bad]\ninstances = [{{address = "127.0.0.1:{hung.port}"}}]\n'
            f"max_requests = {ROOM}\nmax_waiting = {QUEUE}\nmax_wait = 30\ndeadline = 30\n",
        )
        bad = [asyncio.create_task(ask(made.port, HUNG)) for _ in range(CALLERS)]
        while sum(task.done() for task in bad) < CALLERS - ROOM - QUEUE:
            await asyncio.sleep(0.02)
        # Full, and its queue too: who comes now is told so at once, and when to come again.
        refused = await ask(made.port, HUNG)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in refused
        # All this time the other pool serves: every answer comes while the bad ones still hang.
        good = await asyncio.gather(
            *(ask(made.port, b"GET /x HTTP/1.1\r\nHost: good\r\n\r\n") for _ in range(200))
        )
        assert all(head.startswith(b"HTTP/1.1 200 ") for head in good)
        assert sum(not task.done() for task in bad) == ROOM + QUEUE
        for task in bad:
            task.cancel()
        await asyncio.gather(*bad, return_exceptions=True)
    finally:
        hung.end()
