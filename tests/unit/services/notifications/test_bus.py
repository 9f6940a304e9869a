"""Subscribers beside each other; the bus is made up."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from pydantic import SecretStr

from chassis.bus.producer import BusUnavailable
from services.notifications import bus
from services.notifications.config import NotificationsSettings
from services.notifications.subscribers import ALL


async def test_one_that_cannot_begin_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun: Counter[str] = Counter()
    begun_again = asyncio.Event()

    class Consumer:
        def __init__(self, *, group: str, **_: Any) -> None:
            self.group = group

        async def run(self) -> None:
            begun[self.group] += 1
            if self.group == "email" and begun["email"] == 1:
                raise BusUnavailable("Kafka: KafkaTimeoutError")
            if begun["email"] == 2:
                begun_again.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(bus, "Consumer", Consumer)
    settings = NotificationsSettings(
        instance="notifications-a-1",
        postgres_dsn=SecretStr("postgresql://nowhere:1/x"),
        kafka_brokers="nowhere:1",
    )
    fanning = asyncio.create_task(bus.fan_out(settings, ALL.values(), None))  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await begun_again.wait()
    fanning.cancel()
    await asyncio.gather(fanning, return_exceptions=True)
    assert begun == {"email": 2, "text": 1, "statistics": 1}
    assert [record.exc_info for record in caplog.records if record.levelname != "DEBUG"] == [None]
