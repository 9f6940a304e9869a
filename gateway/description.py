"""Keeps the API's description current: asks the services, remembers what they last said."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import orjson

from chassis.mesh import MeshClient
from chassis.problems import Problem
from chassis.resilience import Deadline, current_deadline
from gateway.openapi import merge
from gateway.routes import ROUTES

log = logging.getLogger(__name__)

_ASK_SECONDS = 1.0
_INCOMPLETE_SECONDS = 5.0
_OK = 200


class Description:
    """The merged OpenAPI document."""

    def __init__(
        self, mesh: MeshClient, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """After `seconds` the services are asked again; sooner if one did not answer."""
        self._mesh = mesh
        self._seconds = seconds
        self._clock = clock
        self._documents: dict[str, Any] = {}
        self._fresh_until = float("-inf")
        self._refreshing = asyncio.Lock()

    async def document(self) -> dict[str, Any]:
        """The API as it is known now. Of a service that is away, what it last said."""
        async with self._refreshing:  # one asks for all who wait
            if self._clock() >= self._fresh_until:
                await self._refresh()
        merged: dict[str, Any] = merge(ROUTES, self._documents)
        return merged

    async def _refresh(self) -> None:
        services = list(dict.fromkeys(route.service for route in ROUTES))
        answers = await asyncio.gather(*(self._ask(service) for service in services))
        for service, answer in zip(services, answers, strict=True):
            if answer is not None:
                self._documents[service] = answer
        complete = all(answer is not None for answer in answers)
        seconds = self._seconds if complete else min(self._seconds, _INCOMPLETE_SECONDS)
        self._fresh_until = self._clock() + seconds

    async def _ask(self, service: str) -> Any:
        # Not the deadline of who happens to be first: the answer is for all. (A task has a context
        # of its own.)
        current_deadline.set(Deadline.after(_ASK_SECONDS))
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                reply = await self._mesh.call(service, "GET", "/openapi.json")
            return orjson.loads(reply.body) if reply.status == _OK else None
        except (Problem, TimeoutError, orjson.JSONDecodeError) as error:
            log.info("no description", extra={"service": service, "why": repr(error)})
            return None
