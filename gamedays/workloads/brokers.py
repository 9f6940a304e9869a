"""Which Kafka brokers the cluster itself counts as alive: once a second, in its own thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from chassis.bus.clients import connect

_EVERY_SECONDS = 1.0
_REQUEST_MS = 2_000


class Brokers:
    """Looks until it is stopped; the newest answer is `alive`, None until there is one.

    One client's trouble is its own; when a new one finds nobody either, none is alive.
    """

    def __init__(self, brokers: Sequence[str]) -> None:
        """`brokers` are `host:port`."""
        self._brokers = list(brokers)
        self._stop = threading.Event()
        self.alive: frozenset[str] | None = None
        self._asked_in_vain = 0

    async def run(self) -> None:
        """Until cancelled."""
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # a dead broker is no news here
        threading.Thread(target=self._look, daemon=True, name="brokers").start()
        try:
            await asyncio.Event().wait()
        finally:
            self._stop.set()

    def _look(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            try:
                self._look_until_trouble()
            except (KafkaError, OSError):
                self._asked_in_vain += 1
                if self._asked_in_vain > 1 and self.alive is not None:
                    self.alive = frozenset()

    def _look_until_trouble(self) -> None:
        """By one client; a client whose broker dies is not worth keeping."""
        admin: Any = connect(
            KafkaAdminClient,
            bootstrap_servers=self._brokers,
            request_timeout_ms=_REQUEST_MS,
            bootstrap_timeout_ms=_REQUEST_MS,
        )
        try:
            while True:
                told = admin.describe_cluster()["brokers"]  # the fenced ones too
                self._asked_in_vain = 0
                self.alive = frozenset(b["host"] for b in told if not b["is_fenced"])
                if self._stop.wait(_EVERY_SECONDS):
                    return
        finally:
            admin.close()
