"""How a producer comes to its client."""

import asyncio
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from chassis.bus import producer as module
from chassis.bus.producer import Producer


class Client:
    closed = False

    def close(self, timeout: float) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "error",
    [KafkaTimeoutError(), RuntimeError("can't start new thread"), OSError("too many open files")],
    ids=lambda e: type(e).__name__,
)
async def test_a_client_that_could_not_be_made_is_made_later(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    client, tries = Client(), 0

    def connect(*_: Any, **__: Any) -> Client:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise error
        return client

    monkeypatch.setattr(module, "connect", connect)
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0)
    async with asyncio.timeout(5), Producer.open("nowhere:1", "us") as producer:
        await producer.publish([])
    assert tries == 2
    assert client.closed
