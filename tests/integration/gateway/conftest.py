"""Processes on loopback: gateways and services, and a mesh between them that only forwards."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest
from aiohttp import web

from tests.ports import free_port

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Process:
    """One instance of a program."""

    process: asyncio.subprocess.Process
    url: str

    async def ready(self) -> None:
        """Waits until it is."""
        async with asyncio.timeout(30), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    assert self.process.returncode is None, "it has stopped"
                await asyncio.sleep(0.05)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def exit_status(self) -> int:
        async with asyncio.timeout(20):
            return await self.process.wait()


Spawn = Callable[..., Awaitable[Process]]


@pytest.fixture
async def spawn() -> AsyncIterator[Spawn]:
    """Starts `python -m <module>` with settings from the environment, and waits until ready."""
    running: list[Process] = []

    async def spawn(module: str, **environment: str) -> Process:
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module,
            env={"PATH": os.environ["PATH"], "PORT": str(port), "DRAIN_SECONDS": "0"} | environment,
        )  # fmt: skip
        running.append(Process(process, f"http://127.0.0.1:{port}"))
        await running[-1].ready()
        return running[-1]

    yield spawn
    for started in running:
        if started.process.returncode is None:
            started.process.kill()
            await started.process.wait()


@dataclass
class Mesh:
    """Stands in for the balancer's mesh listener: hands a request to whom its Host names."""

    url: str = ""
    services: dict[str, Handler] = field(default_factory=dict)
    seen: list[web.BaseRequest] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(request)
        service = self.services.get(request.headers["Host"], _echo)
        return await service(request)


async def _echo(request: web.BaseRequest) -> web.Response:
    """Tells what came."""
    return web.json_response(
        {
            "service": request.headers["Host"],
            "line": f"{request.method} {request.path_qs}",
            "account": request.headers.get("X-Account-Id"),
            "body": await request.text(),
        },
        headers={"ETag": '"1"', "X-Served-By": "a/echo-a-1"},
    )


def forward_to(url: str) -> Handler:
    """A service that runs at `url`."""

    async def forward(request: web.BaseRequest) -> web.Response:
        async with httpx.AsyncClient() as client:
            answer = await client.request(
                request.method,
                url + request.path_qs,
                headers=dict(request.headers),
                content=await request.read(),
            )
        passed = {k: v for k, v in answer.headers.items() if k not in ("content-length", "date")}
        return web.Response(status=answer.status_code, headers=passed, body=answer.content)

    return forward


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    """A mesh whose services echo, until they are given something better to do."""
    mesh = Mesh()
    server = web.Server(mesh.handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    mesh.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield mesh
    await runner.cleanup()


@pytest.fixture
def gateway(spawn: Spawn, mesh: Mesh, redis: tuple[str, str]) -> Spawn:
    """Starts a gateway; settings may be changed."""

    async def start(**environment: str) -> Process:
        given = {
            "INSTANCE": "gateway-a-1",
            "REDIS_NODES": redis[0],
            "REDIS_PASSWORD": redis[1],
            "MESH": mesh.url,
        }
        return await spawn("gateway.main", **{**given, **environment})

    return start
