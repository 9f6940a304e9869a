"""Asking every instance whether it is ready: a new connection each time, as a caller would make."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic as clock

from loadbalancer.pools.checks import Outcome, Verdict, interpret
from loadbalancer.pools.instance import Instance, Listing
from loadbalancer.pools.pool import Pool
from loadbalancer.wire.fields import RESPONSE_KINDS, Lines
from loadbalancer.wire.framing import framing
from loadbalancer.wire.heads import HeadReader
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.proxy import LOCAL
from loadbalancer.wire.reject import Reject
from loadbalancer.wire.response import ResponseHead, ResponseParser

_READ = 16_384
_BODY = 1_024
"""More of an answer to a check is not looked at."""


class Checker:
    """Starts checks when they are due; the pools say when that is."""

    def __init__(self, limits: Limits) -> None:
        self.pools: Mapping[str, Pool] = {}
        self.limit(limits)
        self._lines = Lines(RESPONSE_KINDS)
        self._tasks: set[asyncio.Task[None]] = set()

    def limit(self, limits: Limits) -> None:
        """How much of an answer is taken, from now on."""
        self._limits = limits
        self._parser = ResponseParser(limits)

    def start_due(self, now: float) -> None:
        """To be called several times a second."""
        for pool in self.pools.values():
            for instance in pool.instances.values():
                check = instance.check
                dropped = instance.listing is Listing.DROPPED
                if check.due <= now and not check.running and not dropped:
                    check.start()
                    task = asyncio.create_task(self._check(pool, instance))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _check(self, pool: Pool, instance: Instance) -> None:
        settings = pool.settings.check
        try:
            async with asyncio.timeout(settings.timeout):
                outcome = await self._ask(pool, instance)
        except TimeoutError:
            outcome = Outcome(
                Verdict.FAILED, f"no answer in {settings.timeout:g} s", answered=False
            )
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            outcome = Outcome(Verdict.FAILED, reason.lower(), answered=False)
        except (Reject, EOFError):
            outcome = Outcome(Verdict.FAILED, "answer not understood", answered=False)
        pool.checked(instance, outcome, clock())

    async def _ask(self, pool: Pool, instance: Instance) -> Outcome:
        settings = pool.settings.check
        reader, writer = await asyncio.open_connection(instance.host, instance.port)
        try:
            if pool.settings.send_proxy:
                writer.write(LOCAL)
            if not settings.path:
                return Outcome(Verdict.READY)
            writer.write(
                f"GET {settings.path} HTTP/1.1\r\nHost: {pool.name}\r\n"
                "User-Agent: holdfast-check\r\nConnection: close\r\n\r\n".encode()
            )
            head, body = await self._answer(reader)
        finally:
            writer.close()
        return interpret(head.status, body, head.field(b"x-served-by").decode("latin-1"), settings)

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[ResponseHead, bytes]:
        heads = HeadReader(self._limits)
        lines = None
        while lines is None:
            lines = heads.feed(await _some(reader))
        head = self._parser.parse(lines, b"GET")
        body = framing(head, 0, self._limits, self._lines).body
        if body is None:
            return head, b""
        content = body.feed(heads.rest)
        while not body.done and len(content) < _BODY:
            data = await reader.read(_READ)
            if not data:
                break
            content += body.feed(data)
        return head, content[:_BODY]


async def _some(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(_READ)
    if not data:
        raise EOFError
    return data
