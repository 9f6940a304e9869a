"""Events, and those who follow them more slowly than they come."""

import asyncio
import json
import os

from loadbalancer.observe.events import Events
from loadbalancer.observe.output import Output


async def test_an_event_is_a_line_and_reaches_who_follows() -> None:
    read, write = os.pipe()
    events = Events("lb-1", "a", Output(write), worker=2)
    reader = events.follow()
    assert reader is not None
    events.tell("instance up", pool="p")
    events.tell("request", status=200)
    events.pass_on("said elsewhere")
    events.close()
    os.close(write)
    with os.fdopen(read) as out:
        first, second = out.read().splitlines()
    event = json.loads(first)
    assert (event["message"], event["instance"], event["worker"]) == ("instance up", "lb-1", 2)
    assert json.loads(second)["message"] == "request"
    assert await reader.next() == ([first, "said elsewhere"], 0)


async def test_who_is_slow_loses_some_and_is_told() -> None:
    events = Events("lb-1", "a")
    reader = events.follow()
    assert reader is not None
    for n in range(1_000):
        events.pass_on(str(n))
    got = await reader.next()
    assert got is not None
    assert (got[0], got[1]) == ([str(n) for n in range(256)], 744)
    events.pass_on("next")
    assert await reader.next() == (["next"], 0)


async def test_who_waits_is_woken_by_an_event_and_by_the_end() -> None:
    events = Events("lb-1", "a")
    reader = events.follow()
    assert reader is not None
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    events.pass_on("x")
    assert await waiting == (["x"], 0)
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    events.end()
    assert await waiting is None


async def test_only_so_many_can_follow() -> None:
    events = Events("lb-1", "a")
    readers = [events.follow() for _ in range(32)]
    assert None not in readers
    assert events.follow() is None
    assert readers[0] is not None
    events.unfollow(readers[0])
    assert events.follow() is not None
