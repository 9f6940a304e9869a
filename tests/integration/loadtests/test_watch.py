"""The live view against balancers that live, refuse and hang, and against real stores."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from loadtests.watch.collect import Addresses, Collector
from loadtests.watch.seen import BalancerSeen, Gone, PostgresSeen, RedisSeen
from tests.unit.loadtests.watch.sample import state

NOWHERE = "http://127.0.0.1:1"
TOKEN = "token"


async def _state(request: web.Request) -> web.Response:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return web.Response(status=401)
    here = f"127.0.0.1:{request.url.port}"
    told = state(
        "balancer-a-1", orders_a_1={"address": here}, orders_b_1={"address": "127.0.0.1:1"}
    )
    return web.json_response(told)


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(text='breaker_state{name="acquirer"} 2.0\n')


async def _hang(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


@pytest.fixture
async def balancer() -> AsyncIterator[str]:
    """A balancer's admin listener, and an instance's metrics on the same port."""
    app = web.Application()
    app.add_routes(
        [web.get("/state", _state), web.get("/metrics", _metrics), web.get("/hung/state", _hang)]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def addresses(*admins: str, **more: str) -> Addresses:
    names = {"ADMIN_TOKEN": TOKEN, "ADMINS": ",".join(admins), **more}
    return Addresses.from_env(names)


async def test_the_dead_cost_the_living_nothing(balancer: str) -> None:
    admins = (balancer, NOWHERE, f"{balancer}/hung")
    async with Collector(addresses(*admins, REDIS_NODES="127.0.0.1:1")) as collector:
        begun = time.monotonic()
        told = [await collector.balancer(admin) for admin in admins]
        assert time.monotonic() - begun < 5
        seen = await collector.look()
    assert isinstance(told[0], BalancerSeen)
    assert told[1:] == [Gone("refused"), Gone("no answer in 0.8 s")]
    assert isinstance(seen.redis, Gone)
    assert isinstance(seen.kafka, Gone)


async def test_a_wrong_token_is_said(balancer: str) -> None:
    async with Collector(addresses(balancer, ADMIN_TOKEN="old")) as collector:
        assert await collector.balancer(balancer) == Gone("answers 401")


async def test_breakers_are_asked_of_the_instances_themselves(balancer: str) -> None:
    async with Collector(addresses(balancer)) as collector:
        looks = [await collector.look() for _ in range(3)]  # a third of them each time
    assert looks[-1].breakers == {"orders-a-1": {"acquirer": "open"}}


async def test_roles_of_real_stores(
    balancer: str, postgres: Callable[[str], str], redis: tuple[str, str]
) -> None:
    node, password = redis
    where = addresses(
        balancer, REDIS_NODES=node, REDIS_PASSWORD=password, POSTGRES_DSN=postgres("orders")
    )
    async with Collector(where) as collector:
        seen = await collector.look()
        seen = await collector.look()
    assert seen.postgres == {"127.0.0.1": PostgresSeen("primary")}
    assert isinstance(seen.redis, RedisSeen)
    assert seen.redis.state == "ok"
    assert [(one.primary, one.slots) for one in seen.redis.members] == [(True, 16384)]


async def test_one_frame_with_everything_dead_but_one_balancer(balancer: str) -> None:
    env = {
        **os.environ,
        "ADMINS": f"{balancer},{NOWHERE}",
        "ADMIN_TOKEN": TOKEN,
        "KAFKA_BROKERS": "127.0.0.1:1",
        "COLUMNS": "100",
        "LINES": "40",
    }
    watch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests.watch", "--once"),
        env=env,
        stdout=asyncio.subprocess.PIPE,
    )
    frame = (await watch.communicate())[0].decode()
    assert watch.returncode == 0
    assert "orders-a-1" in frame
    assert "gone: refused" in frame


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_view_without_a_terminal_that_is_ended_has_said_something(
    balancer: str, told: signal.Signals
) -> None:
    env = {**os.environ, "ADMINS": balancer, "ADMIN_TOKEN": TOKEN, "KAFKA_BROKERS": ""}
    watch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests.watch"), env=env, stdout=asyncio.subprocess.PIPE
    )
    assert watch.stdout is not None
    async with asyncio.timeout(30):
        said = await watch.stdout.readuntil(b"orders-a-1")
        watch.send_signal(told)
        rest = await watch.stdout.read()
        assert await watch.wait() == 0
    assert b"\x1b" not in said + rest  # plain


async def test_a_signal_is_heeded_also_while_an_object_is_collected(balancer: str) -> None:
    """What a handler raises there, Python prints and forgets."""
    script = (
        "import os, signal, sys, weakref\n"
        "from loadtests.watch import __main__ as view\n"
        "class Collected: ...\n"
        "async def told_meanwhile(collector):\n"
        "    here = Collected()\n"
        "    ref = weakref.ref(here, lambda _: os.kill(os.getpid(), signal.SIGTERM))\n"
        "    del here\n"
        "    return await look(collector)\n"
        "look, view.Collector.look = view.Collector.look, told_meanwhile\n"
        "sys.exit(view.main())\n"
    )
    env = {**os.environ, "ADMINS": balancer, "ADMIN_TOKEN": TOKEN, "KAFKA_BROKERS": ""}
    watch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script), env=env, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30):
            assert await watch.wait() == 0
    except TimeoutError:
        watch.kill()
        raise


async def test_a_word_that_nobody_knows_is_said() -> None:
    watch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests.watch", "--twice"), stderr=asyncio.subprocess.PIPE
    )
    assert b"--once" in (await watch.communicate())[1]
    assert watch.returncode == 2


def test_a_kafka_that_is_away_leaves_no_threads_behind() -> None:
    """In a process of its own: the library leaves refused sockets to the collector, which warns."""
    script = (
        "import threading, time\n"
        "from loadtests.watch import kafka_thread\n"
        "kafka_thread._EVERY_SECONDS, kafka_thread._BOOTSTRAP_MS = 0.05, 100\n"
        "looking = kafka_thread.KafkaThread(('127.0.0.1:1',))\n"
        "looking.start()\n"
        "time.sleep(2)\n"
        "looking.stop()\n"
        "print(threading.active_count())\n"
    )
    command = (sys.executable, "-W", "ignore", "-c", script)
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert int(done.stdout) <= 3  # ours, this one, and that of a client that is looking


async def test_changes_are_told_once() -> None:
    env = {**os.environ, "ADMIN_TOKEN": TOKEN}
    command = ("-m", "loadtests.watch.changes", NOWHERE, "--for", "2")
    watch = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=env, stdout=asyncio.subprocess.PIPE
    )
    told = (await watch.communicate())[0].decode()
    assert told.count("127.0.0.1: does not answer: refused") == 1
