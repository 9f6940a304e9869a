"""gateway: the one door for callers from outside. Wire, run, drain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from chassis.lifecycle import Lifecycle, run
from chassis.mesh import MeshClient
from chassis.session import Sessions
from chassis.store.redis import Redis
from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.description import Description
from gateway.limits import Limiter
from gateway.proxy import Proxy


@asynccontextmanager
async def build(settings: GatewaySettings, life: Lifecycle) -> AsyncIterator[FastAPI]:
    """All parts of one instance, opened in order and closed in reverse."""
    async with (
        Redis.open(settings.redis_nodes, settings.redis_password) as redis,
        MeshClient.open(settings.mesh) as mesh,
    ):
        limiter = Limiter(redis, settings.callers_kept)
        proxy = Proxy(settings, mesh, Sessions(redis, settings), limiter)
        yield create_app(settings, life, proxy, Description(mesh, settings.openapi_seconds))


if __name__ == "__main__":
    run(GatewaySettings(), build)
