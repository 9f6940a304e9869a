"""Publishing to Kafka from asyncio: a bridge to kafka-python, which has its own I/O thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from chassis.bus.clients import connect
from chassis.metrics import BUS_PUBLISHED
from chassis.problems import Unavailable

log = logging.getLogger(__name__)

Record = tuple[str, bytes, bytes]  # topic, key, value
Headers = list[tuple[str, bytes]]

_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 3.0


class BusUnavailable(Unavailable):
    """Kafka cannot be reached, or refused the records."""

    type = "bus-unavailable"


class Producer:
    """Publishes records and waits until all in-sync replicas have them.

    A record that was handed over is tried until it is written: it never expires here, since the
    next record of its key would overtake it. What bounds the wait is the caller, who keeps few
    records under way.
    """

    def __init__(self, brokers: str, client_id: str) -> None:
        self._make = partial(
            connect,
            KafkaProducer,
            bootstrap_servers=brokers.split(","),
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=2**31 - 1,
            request_timeout_ms=5_000,
            max_block_ms=5_000,
            bootstrap_timeout_ms=3_000,  # it is tried again, and a stop waits for it
            reconnect_backoff_max_ms=1_000,
            metadata_max_age_ms=30_000,
            allow_auto_create_topics=False,
            metrics_enabled=False,
            linger_ms=10,  # each request to a broker is written three times over: several in one
        )
        # send() blocks while it asks for metadata: never on the event loop.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="producer")
        self._client: KafkaProducer | None = None
        self._connected = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, brokers: str, client_id: str) -> AsyncIterator[Producer]:
        """Connects in the background; at the end waits a little for what is under way."""
        producer = cls(brokers, client_id)
        connecting = asyncio.create_task(producer._connect(), name="producer-connect")
        try:
            yield producer
        finally:
            connecting.cancel()
            if producer._client is not None:
                close = partial(producer._client.close, timeout=_CLOSE_SECONDS)
                await asyncio.get_running_loop().run_in_executor(producer._thread, close)
            producer._thread.shutdown(wait=False, cancel_futures=True)

    async def _connect(self) -> None:
        while self._client is None:
            try:
                self._client = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._make
                )
            except Exception as error:  # whatever it is: without a client nothing is ever told
                known = isinstance(error, KafkaError)
                log.warning(
                    "kafka: not reachable yet",
                    extra={"kind": type(error).__name__},
                    exc_info=not known,
                )
                await asyncio.sleep(_RETRY_SECONDS)
        self._connected.set()

    async def publish(self, records: Sequence[Record], headers: Headers | None = None) -> None:
        """Returns when every record is acknowledged by all in-sync replicas.

        Raises:
            BusUnavailable: a record could not be handed over or was refused; some of the
                others may have been written.
        """
        await self._connected.wait()
        loop = asyncio.get_running_loop()
        acknowledged: asyncio.Future[None] = loop.create_future()
        waiting = len(records)

        def one_done(error: BaseException | None) -> None:
            nonlocal waiting
            waiting -= 1
            if acknowledged.done():
                return
            if error is not None:
                acknowledged.set_exception(BusUnavailable(f"Kafka: {type(error).__name__}"))
            elif waiting == 0:
                acknowledged.set_result(None)

        def hand_over() -> None:
            client: Any = self._client
            for topic, key, value in records:
                future = client.send(topic, value, key, headers)
                future.add_callback(lambda _: loop.call_soon_threadsafe(one_done, None))
                future.add_errback(lambda e: loop.call_soon_threadsafe(one_done, e))

        try:
            await loop.run_in_executor(self._thread, hand_over)
        except KafkaError as error:
            raise BusUnavailable(f"Kafka: {type(error).__name__}") from error
        if records:
            await acknowledged
        for topic, _, _ in records:
            BUS_PUBLISHED.labels(topic).inc()
