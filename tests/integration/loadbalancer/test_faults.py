"""Backends die, hang, err and leave under load: who notices, and what reached a backend twice."""

import asyncio
import signal
from collections.abc import Callable

from tests.integration.loadbalancer.harness import Cluster, Load, Start, start_backend

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
KEYED = (
    b"POST /x?{id} HTTP/1.1\r\nHost: x\r\nIdempotency-Key: {id}\r\nContent-Length: 5\r\n\r\nhello"
)
UNKEYED = b"POST /x?{id} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"

Loads = Callable[..., Load]


async def test_a_killed_backend_costs_no_get_and_no_keyed_post(cluster: Start, load: Loads) -> None:
    made = cluster(3)
    gets, posts = load(made.port, GET), load(made.port, KEYED)
    await gets.reach(200)
    made.backends[0].kill()
    await gets.reach(600)
    await posts.reach(600)
    assert (await gets.stop()).failed == 0
    assert (await posts.stop()).failed == 0


async def test_an_unkeyed_post_is_never_sent_twice(cluster: Start, load: Loads) -> None:
    made = cluster(3)
    posts = load(made.port, UNKEYED)
    await posts.reach(200)
    made.backends[0].kill()
    await posts.reach(600)
    tally = await posts.stop()
    # At most one request a worker was under way on the dead backend; those may have had an effect.
    assert tally.failed <= 8
    assert all(n == 1 for key, n in made.counts().items() if key.startswith("POST"))


async def test_what_was_sent_and_not_answered_is_repeated_only_where_that_is_safe(
    cluster: Start,
) -> None:
    made = cluster(2)
    assert made.ask("POST", "/die", b"x").status == 502
    assert made.counts()["POST /die"] == 1
    assert made.ask("GET", "/die").status == 502
    assert made.counts()["GET /die"] == 2
    assert made.ask("POST", "/die", b"x", headers={"Idempotency-Key": "k"}).status == 502
    assert made.counts()["POST /die"] == 3


async def test_an_answer_that_has_begun_is_cut_off_and_not_repeated(cluster: Start) -> None:
    made = cluster(2)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        got = await reader.read()
    except ConnectionResetError:
        got = b""
    writer.close()
    assert not got.endswith(b"0\r\n\r\n")
    assert len(got.partition(b"\r\n\r\n")[2]) < 100
    assert made.counts()["GET /half"] == 1


async def test_a_backend_that_refuses_connections_fails_nobody(cluster: Start) -> None:
    made = cluster(2, pool="check = {interval = 60, jitter = 0}")
    made.backends[0].kill()
    for _ in range(6):
        assert made.ask("POST", "/x", b"unkeyed: nothing of it was sent").status == 200


async def test_a_hung_backend_is_found_out_and_costs_one_try(cluster: Start, load: Loads) -> None:
    made = cluster(3, pool="try_seconds = 0.5")
    gets = load(made.port, GET)
    await gets.reach(200)
    made.backends[0].signal(signal.SIGSTOP)
    await asyncio.to_thread(made.wait_for, "x-a-1", "ejected")
    asked = made.instance("x-a-1")["requests"]
    await gets.reach(1000)
    tally = await gets.stop()
    assert tally.failed == 0
    assert tally.slowest < 4
    # Callers do not find out for us: at most those that were already waiting for it are counted.
    assert made.instance("x-a-1")["requests"] <= asked + 8
    made.backends[0].signal(signal.SIGCONT)
    await asyncio.to_thread(made.wait_for, "x-a-1", "up")


ONCE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
"""After which the next request needs a connection of its own."""


async def test_a_balancer_that_was_held_up_itself_calls_nobody_late(
    cluster: Start, load: Loads
) -> None:
    """Longer than a connection may take: those that were made meanwhile were made in time."""
    made = cluster(1)
    gets = load(made.port, b"GET /raw/%b HTTP/1.1\r\nHost: x\r\n\r\n" % ONCE.hex().encode(), 32)
    for n in range(1, 13):
        await gets.reach(n * 500)
        made.balancer.signal(signal.SIGSTOP)
        await asyncio.sleep(0.4)
        made.balancer.signal(signal.SIGCONT)
    assert (await gets.stop()).failed == 0
    assert made.instance("x-a-1")["retries"] == 0
    assert made.events("instance ejected") == []


async def test_a_backend_that_errs_is_ejected_and_callers_see_nothing_of_it(
    cluster: Start, load: Loads
) -> None:
    made = cluster(3)
    made.backends[0].signal(signal.SIGHUP)
    gets, posts = load(made.port, GET), load(made.port, KEYED)
    await asyncio.to_thread(made.wait_for, "x-a-1", "ejected")
    assert made.instance("x-a-1")["reason"] == "5 in a row: status 500"
    await gets.reach(400)
    await posts.reach(400)
    assert (await gets.stop()).failed == 0
    assert (await posts.stop()).failed == 0


async def test_if_all_err_nobody_is_ejected(cluster: Start) -> None:
    made = cluster(2)
    for _ in range(30):
        assert made.ask("GET", "/status/503").status == 503
    assert [i["state"] for i in made.state()["instances"]] == ["up", "up"]


async def test_a_backend_that_says_it_drains_gets_no_more_work(cluster: Start, load: Loads) -> None:
    made = cluster(3)
    gets = load(made.port, GET)
    await gets.reach(100)
    made.backends[0].signal(signal.SIGUSR1)
    await asyncio.to_thread(made.wait_for, "x-a-1", "draining")
    before = made.instance("x-a-1")["requests"]
    await gets.reach(400)
    assert made.instance("x-a-1")["requests"] == before
    made.backends[0].kill()  # now it may
    await gets.reach(600)
    assert (await gets.stop()).failed == 0


async def test_drain_and_undrain_by_hand(cluster: Start) -> None:
    made = cluster(2)
    assert made.order("drain", "x-a-1") == 200
    served = {made.ask("GET", "/x").headers["x-served-by"] for _ in range(6)}
    assert served == {"a/x-a-2"}
    assert made.order("undrain", "x-a-1") == 200
    served = {made.ask("GET", "/x").headers["x-served-by"] for _ in range(6)}
    assert served == {"a/x-a-1", "a/x-a-2"}
    assert made.order("drain", "nobody") == 404


async def test_a_backend_that_comes_back_is_used_again(cluster: Start) -> None:
    made = cluster(2)
    made.backends[0].kill()
    await asyncio.to_thread(made.wait_for, "x-a-1", "failing")
    again = start_backend("a/x-a-1", made.backends[0].port)
    try:
        await asyncio.to_thread(made.wait_for, "x-a-1", "up")
        served = {made.ask("GET", "/x").headers["x-served-by"] for _ in range(6)}
        assert served == {"a/x-a-1", "a/x-a-2"}
    finally:
        again.end()


async def test_a_request_whose_deadline_passes_gets_504(cluster: Start) -> None:
    made = cluster(1)
    late = made.ask("GET", "/sleep/3", headers={"X-Request-Timeout-Ms": "300"})
    assert late.status == 504
    assert 0.25 < late.seconds < 2.5
    assert late.json()["type"] == "deadline-missed"


async def test_a_full_pool_makes_wait_and_then_says_so(cluster: Start) -> None:
    made: Cluster = cluster(
        1, pool="max_requests = 2\nmax_waiting = 1\nmax_wait = 0.3", listener=""
    )
    busy = [asyncio.to_thread(made.ask, "GET", "/sleep/1.5") for _ in range(2)]
    running = asyncio.gather(*busy)
    while made.state()["in_flight"] < 2:
        await asyncio.sleep(0.02)
    waits, refused = await asyncio.gather(
        *[asyncio.to_thread(made.ask, "GET", "/x") for _ in range(2)]
    )
    assert (waits.status, refused.status) == (503, 503)
    assert waits.headers["retry-after"] == "1"
    assert min(waits.seconds, refused.seconds) < 0.2 < max(waits.seconds, refused.seconds)
    assert [a.status for a in await running] == [200, 200]
