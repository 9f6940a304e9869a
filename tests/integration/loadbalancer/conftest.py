"""The real balancer and real backends, as processes on loopback."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.loadbalancer.harness import (
    TOKEN,
    Cluster,
    Load,
    Process,
    Start,
    start_backend,
    start_balancer,
    wait_until,
)
from tests.ports import free_port


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Start]:
    """Called with the number of backends, and TOML for the pool, the listener, the limits."""
    with ExitStack() as stack:

        def start(
            count: int = 3,
            *,
            pool: str = "",
            listener: str = "",
            route: str = "",
            limits: str = "",
            ready: int | None = None,
            more: str = "",
            routes: str | None = None,
            workers: int = 1,
            backends: list[Process] | None = None,
        ) -> Cluster:
            """With `backends`, those that another one has."""
            if backends is None:
                backends = [start_backend(f"a/x-a-{n + 1}") for n in range(count)]
                for backend in backends:
                    stack.callback(backend.end)
            port, admin = free_port(), free_port()
            members = ", ".join(f'{{address = "127.0.0.1:{b.port}", zone = "a"}}' for b in backends)
            routed = f'routes = [{{{route}pool = "p"}}]' if routes is None else routes
            own_pool = f"[pools.p]\ninstances = [{members}]\n{pool}\n" if backends else ""
            config = tmp_path / f"balancer-{port}.toml"
            config.write_text(
                f'instance = "lb-1"\nzone = "a"\nworkers = {workers}\n'
                f'[admin]\naddress = "127.0.0.1:{admin}"\ntoken = "{TOKEN}"\n'
                f"[limits]\n{limits}\n"
                f'[listeners.l]\naddress = "127.0.0.1:{port}"\n{listener}\n'
                f"{routed}\n"
                f"{own_pool}{more}\n"
            )
            log = tmp_path / f"balancer-{port}.log"
            with log.open("wb") as out:
                popen = start_balancer("--config", str(config), output=out)
            balancer = Process(popen, port)
            stack.callback(balancer.end)
            made = Cluster(balancer, backends, admin, log, config)
            wanted = len(backends) if ready is None else ready
            if backends:
                wait_until(lambda: made.state()["healthy"] == wanted, "all up")
            return made

        yield start


@pytest.fixture
async def load() -> AsyncIterator[Callable[..., Load]]:
    """Called with a port and the request's bytes."""
    loads: list[Load] = []

    def start(port: int, head: bytes, workers: int = 8) -> Load:
        loads.append(Load(port, head, workers))
        return loads[-1]

    yield start
    for one in loads:
        await one.stop()
