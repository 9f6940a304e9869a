"""A new configuration while requests run: nothing is dropped, and a bad one changes nothing."""

import asyncio
import http.client
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.loadbalancer.harness import Cluster, Load, Start, ask, wait_until
from tests.ports import free_port

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_instances_come_and_go_under_load_and_nothing_fails(
    cluster: Start, load: Callable[..., Load]
) -> None:
    made: Cluster = cluster(3)
    first, second, third = (
        f'{{address = "127.0.0.1:{b.port}", zone = "a"}}' for b in made.backends
    )
    made.change((f", {third}", ""))
    running = load(made.port, GET)
    await running.reach(50)
    for old, new in ((first, third), (third, first)) * 3:
        made.change((old, new))
        assert (await asyncio.to_thread(made.reload)).status == 200
        await running.reach(len(running.tally.statuses) + 50)
    tally = await running.stop()
    assert tally.failed == 0
    made.change((second, f"{second}, {third}"))
    await asyncio.to_thread(made.reload)
    await asyncio.to_thread(wait_until, lambda: made.state()["healthy"] == 3, "all three")


def test_who_stays_keeps_its_state_and_its_numbers(cluster: Start) -> None:
    made: Cluster = cluster(2)
    for _ in range(10):
        made.ask()
    made.order("drain", "x-a-1")
    made.change(("[pools.p]", "[pools.p]\nmax_wait = 0.1"))
    made.balancer.signal(signal.SIGHUP)
    wait_until(lambda: bool(made.events("configuration taken")), "the event")
    assert made.state()["requests"] >= 10
    assert made.instance("x-a-1")["state"] == "draining"
    assert made.instance("x-a-2")["state"] == "up"


def test_a_connection_outlives_a_reload(cluster: Start) -> None:
    made: Cluster = cluster(1)
    connection = http.client.HTTPConnection("127.0.0.1", made.port, timeout=10)
    connection.connect()
    sock = connection.sock
    for _ in range(3):
        connection.request("GET", "/x")
        assert connection.getresponse().read() == b"a/x-a-1"
        assert made.reload().status == 200
    assert connection.sock is sock
    connection.close()


async def test_a_listener_that_goes_finishes_and_a_new_one_is_there(cluster: Start) -> None:
    made: Cluster = cluster(1)
    late = asyncio.create_task(asyncio.to_thread(made.ask, "GET", "/sleep/1"))
    await asyncio.to_thread(wait_until, lambda: made.state()["in_flight"] == 1, "under way")
    port = free_port()
    made.change(("[listeners.l]", "[listeners.m]"), (f"127.0.0.1:{made.port}", f"127.0.0.1:{port}"))
    made.balancer.signal(signal.SIGHUP)
    await asyncio.to_thread(wait_until, lambda: ask(port).status == 200, "the new one")
    answer = await late
    assert (answer.body, answer.headers["connection"]) == (b"late", "close")
    try:
        await asyncio.to_thread(made.ask)
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("the old one still listens")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_one_is_refused_and_the_old_one_goes_on(cluster: Start, workers: int) -> None:
    made: Cluster = cluster(1, workers=workers)
    good = made.config.read_text()
    for old, new, says in (
        ("[pools.p]", "[pools.p]\nmax_wait = 'x'", "pools.p.max_wait: must be a number"),
        ("[pools.p]", "[pools.p", "line 13: "),
        (f"127.0.0.1:{made.port}", f"127.0.0.1:{made.backends[0].port}",
         f"line 10: listeners.l.address: 127.0.0.1:{made.backends[0].port}: Address already in"),
    ):  # fmt: skip
        made.config.write_text(good.replace(old, new))
        refused = made.reload()
        assert refused.status == 422
        assert says in refused.json()["detail"]
        assert made.ask().status == 200
    assert "line 14: pools.p.max_wait" in made.events("configuration refused")[0]["reason"]
    assert made.state()["healthy"] == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_that_is_written_there_ends_it(cluster: Start, workers: int) -> None:
    made: Cluster = cluster(1, workers=workers)
    good = made.config.read_text()
    instances = next(line for line in good.splitlines() if line.startswith("instances"))
    for old, new, says in (
        (instances, "instances = 5", "pools.p.instances: must be a list"),
        (f"127.0.0.1:{made.port}", "127.0.0.1:²", "listeners.l.address: must be host:port"),
        (f"127.0.0.1:{made.port}", "a..b:8505", "listeners.l.address: 'a..b' is no host name"),
        (instances, 'file = "a\\u0000b"', "pools.p.file: "),
        ("zone = ", "drain_seconds = " + "9" * 5_000 + "\nzone = ", "not understood: ValueError"),
        ("zone = ", "x = " + "[" * 2_000 + "]" * 2_000 + "\nzone = ", "not understood"),
        (
            good,
            f'pools = 5\n[listeners.l]\naddress = "127.0.0.1:{made.port}"',
            "line 1: pools: must",
        ),
    ):
        known = len(made.events("configuration refused"))
        made.config.write_text(good.replace(old, new))
        made.balancer.signal(signal.SIGHUP)
        wait_until(lambda n=known: len(made.events("configuration refused")) > n, new[:50])  # type: ignore[misc]
        assert says in made.events("configuration refused")[-1]["reason"]
        assert made.balancer.popen.poll() is None
        assert made.ask().body == b"a/x-a-1"
    made.config.write_text(good)
    assert made.reload().status == 200
    assert not made.events("worker died")


def test_a_file_of_instances_is_read_again_and_the_last_good_set_is_kept(
    cluster: Start, tmp_path: Path
) -> None:
    file = tmp_path / "more.txt"
    made: Cluster = cluster(2, more='[pools.q]\nfile = "more.txt"\ncheck = {path = ""}')
    made.change(('routes = [{pool = "p"}]', 'pool = "q"'))
    one, two = (f"127.0.0.1:{b.port}" for b in made.backends)
    assert made.reload().status == 200
    wait_until(lambda: made.ask().status == 503, "nobody yet")
    file.write_text(f"{one} zone=a  # the first\n")
    wait_until(lambda: made.ask().body == b"a/x-a-1", "the first")
    for bad in ("", "nonsense\n", None, f"{one} weight={'9' * 5_000}\n"):
        if bad is None:
            file.unlink()
        else:
            file.write_text(bad)
        known = len(made.events("instances file refused"))
        wait_until(lambda n=known: len(made.events("instances file refused")) > n, "the event")  # type: ignore[misc]
        assert made.ask().body == b"a/x-a-1"
    file.write_text(f"{two}\n")
    wait_until(lambda: made.ask().body == b"a/x-a-2", "the second")
