"""Several processes as one balancer: who dies comes back, and all know and count the same."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from tests.integration.loadbalancer.harness import Cluster, Load, Start, wait_until

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


def leader(made: Cluster) -> int:
    return int(made.events("worker leads")[-1]["which"])


def test_all_serve_and_are_counted_as_one(cluster: Start) -> None:
    made: Cluster = cluster(2, workers=3)
    for _ in range(60):
        assert made.ask().status == 200
    wait_until(lambda: made.state()["requests"] == 60, "all counted")
    metrics = made.metrics()
    assert 'balancer_pool_requests_total{pool="p"} 60' in metrics
    assert 'balancer_answers_total{listener="l",status="200"} 60' in metrics
    assert len({e["worker"] for e in made.events("listening") if e["listener"] == "l"}) == 3


def test_checks_are_not_multiplied(cluster: Start) -> None:
    often = "check = {interval = 0.2, path = '/readyz?%s'}"
    made: Cluster = cluster(1, workers=4, pool=often % "many")
    cluster(1, backends=made.backends, pool=often % "one")
    many_before = made.counts().get("GET /readyz?many", 0)
    wait_until(lambda: made.counts().get("GET /readyz?one", 0) >= 20, "twenty checks")
    assert made.counts()["GET /readyz?many"] - many_before < 40


def test_a_drain_counts_for_all(cluster: Start) -> None:
    made: Cluster = cluster(2, workers=3)
    assert made.order("drain", "x-a-1") == 200
    made.wait_for("x-a-1", "draining")
    made.wait_for_servers("x-a-2")
    assert made.order("undrain", "x-a-1") == 200
    made.wait_for_servers("x-a-1", "x-a-2")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_worker_that_dies_or_hangs_is_replaced(
    cluster: Start, load: Callable[..., Load], number: int
) -> None:
    made: Cluster = cluster(2, workers=2)
    before = set(made.workers())
    victim = max(before)  # the first one leads
    await asyncio.to_thread(wait_until, lambda: len(made.events("ready")) == 2, "both ready")
    os.kill(victim, number)
    await asyncio.to_thread(wait_until, lambda: victim not in made.workers(), "gone")
    await asyncio.to_thread(wait_until, lambda: len(made.workers()) == 2, "replaced")
    died = made.events("worker died")
    assert [(e["pid"], e["reason"]) for e in died] == [(victim, "SIGKILL")]
    await asyncio.to_thread(
        wait_until, lambda: len([e for e in made.events("ready") if e["worker"] == 2]) == 2, "ready"
    )
    running = load(made.port, GET)
    await running.reach(200)
    assert (await running.stop()).failed == 0


def test_another_takes_over_when_the_leader_dies(cluster: Start) -> None:
    made: Cluster = cluster(2, workers=3)
    for _ in range(30):
        made.ask()
    wait_until(lambda: made.state()["requests"] == 30, "counted")
    made.order("drain", "x-a-2")
    made.wait_for_servers("x-a-1")
    seen, until = made.state()["requests"], made.whole_state()["uptime_s"] + 2
    wait_until(lambda: made.whole_state()["uptime_s"] > until, "the parent has been told")
    assert leader(made) == 1
    os.kill(min(made.workers()), signal.SIGKILL)
    wait_until(lambda: leader(made) != 1, "another leads")
    wait_until(lambda: made.state()["size"] == 2, "the admin listener answers")
    made.wait_for("x-a-2", "draining")
    assert made.state()["requests"] >= seen
    made.backends[0].kill()
    made.wait_for("x-a-1", "failing")


def test_an_ejection_by_one_counts_for_all(cluster: Start) -> None:
    made: Cluster = cluster(
        2, workers=3, pool="eject = {errors = 3, seconds = 60}\ncheck = {interval = 60}"
    )
    while made.instance("x-a-1")["state"] != "ejected":
        made.ask("GET", "/only/x-a-1")
    made.wait_for_servers("x-a-2")


def test_a_reload_reaches_all_and_a_bad_one_none(cluster: Start) -> None:
    made: Cluster = cluster(2, workers=3)
    good = made.config.read_text()
    made.config.write_text(good + "nonsense = 1\n")
    assert "pools.p.nonsense: unknown key" in made.reload().json()["detail"]
    assert made.ask().status == 200
    first = f'{{address = "127.0.0.1:{made.backends[0].port}", zone = "a"}}, '
    made.config.write_text(good.replace(first, "").replace("workers = 3", "workers = 2"))
    made.balancer.signal(signal.SIGHUP)
    wait_until(lambda: bool(made.events("configuration taken")), "taken")
    wait_until(lambda: len(made.workers()) == 2, "one less")
    made.wait_for_servers("x-a-2")


async def test_sigterm_finishes_what_was_begun_in_all(cluster: Start) -> None:
    made: Cluster = cluster(1, workers=3)
    late = [asyncio.create_task(asyncio.to_thread(made.ask, "GET", "/sleep/3")) for _ in range(3)]
    await asyncio.to_thread(wait_until, lambda: made.state()["in_flight"] == 3, "under way")
    made.balancer.signal(signal.SIGTERM)
    assert {
        (answer.status, answer.headers["connection"]) for answer in await asyncio.gather(*late)
    } == {(200, "close")}
    assert await asyncio.to_thread(made.balancer.popen.wait, 10) == 0
    assert len(made.events("stopped")) == 3


def test_workers_do_not_outlive_their_parent(cluster: Start) -> None:
    made: Cluster = cluster(1, workers=2)
    workers = made.workers()
    made.balancer.kill()
    wait_until(lambda: not any(alive(pid) for pid in workers), "gone")


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - a kernel's file
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
