"""Request coalescing: of those who want the same at the same time, one does the work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """At most one piece of work under way for each key.

    The work belongs to no caller: one that gives up, by its deadline or because its client left,
    takes nothing from the others. So it also runs under no caller's deadline.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[T]] = {}

    def start(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Starts `work` unless it is under way for this key; who wants it awaits the task."""
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(work(), name=f"load {key}", context=Context())
            self._under_way[key] = task
            task.add_done_callback(partial(self._landed, key))
        return task

    async def join(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the work for this key, begun now or before. What it raises, all get."""
        return await asyncio.shield(self.start(key, work))

    async def aclose(self) -> None:
        """Gives up what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: str, task: asyncio.Task[T]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # looked at here, since perhaps nobody waits for it
