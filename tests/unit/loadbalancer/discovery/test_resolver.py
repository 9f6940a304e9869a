"""Discovery by DNS: what the answers, and silence, do to a pool."""

import asyncio
import random
import socket
import time
from collections.abc import Callable

import pytest

from loadbalancer.discovery import resolver as module
from loadbalancer.discovery.resolver import Resolver, Source, addresses
from loadbalancer.pools.instance import Listing
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings

Names = dict[str, list[str] | int]


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What each name has: addresses, or the number of an error."""
    known: Names = {}

    def getaddrinfo(name: str, port: int, *_: object) -> list[object]:
        found = known[name]
        if isinstance(found, int):
            raise socket.gaierror(found, "as the test wants it")
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, 0, 0, "", (address, port))
                for address in found]  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(module, "_INTERVAL", 0.01)
    return known


def pool() -> Pool:
    return Pool(PoolSettings("p"), "", lambda *_, **__: None, random.Random(1))


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.01)


async def test_addresses_come_and_go(dns: Names) -> None:
    found = pool()
    dns["x"] = ["10.0.0.1", "10.0.0.2"]
    resolver = Resolver()
    resolver.ask_for([Source(found, "x", 80, "a")])
    running = asyncio.create_task(resolver.run())
    await resolver.first_round.wait()
    assert set(found.instances) == {"10.0.0.1:80", "10.0.0.2:80"}
    dns["x"] = ["10.0.0.2"]
    await until(lambda: found.instances["10.0.0.1:80"].listing is Listing.DROPPED)
    dns["x"] = socket.EAI_NONAME
    await until(lambda: found.instances["10.0.0.2:80"].listing is Listing.DOUBTED)
    dns["x"] = ["10.0.0.2", "10.0.0.3"]
    await until(lambda: "10.0.0.3:80" in found.instances)
    assert found.instances["10.0.0.2:80"].listing is Listing.LISTED
    running.cancel()


async def test_a_name_service_that_is_away_changes_nothing(
    dns: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pool()
    dns["x"] = ["10.0.0.1"]
    resolver = Resolver()
    resolver.ask_for([Source(found, "x", 80)])
    running = asyncio.create_task(resolver.run())
    await resolver.first_round.wait()
    now = time.monotonic() + 100
    monkeypatch.setattr(module, "clock", lambda: now)
    dns["x"] = socket.EAI_AGAIN
    asked = len(found.instances)
    await asyncio.sleep(0.1)  # several rounds
    assert found.instances["10.0.0.1:80"].listing is Listing.LISTED
    assert asked == 1
    running.cancel()


async def test_an_error_for_one_name_while_others_are_answered_is_an_answer(dns: Names) -> None:
    found, other = pool(), pool()
    dns.update({"x": ["10.0.0.1"], "y": ["10.0.0.2"]})
    resolver = Resolver()
    resolver.ask_for([Source(found, "x", 80), Source(other, "y", 80)])
    running = asyncio.create_task(resolver.run())
    await resolver.first_round.wait()
    dns["x"] = socket.EAI_AGAIN
    await until(lambda: found.instances["10.0.0.1:80"].listing is Listing.DOUBTED)
    assert other.instances["10.0.0.2:80"].listing is Listing.LISTED
    running.cancel()


async def test_without_names_the_first_round_is_over() -> None:
    resolver = Resolver()
    resolver.ask_for([])
    assert resolver.first_round.is_set()


def test_a_name_may_have_addresses_of_either_kind(dns: Names) -> None:
    dns.update({"six": ["2001:db8::2", "2001:db8::1"], "both": ["2001:db8::1", "10.0.0.1"]})
    assert addresses("six", 80) == [("2001:db8::1", 80), ("2001:db8::2", 80)]
    assert addresses("both", 80) == [("10.0.0.1", 80)]


def test_both_kinds_are_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def getaddrinfo(*how: object) -> list[object]:
        asked.append(how)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    addresses("x", 80)
    assert asked == [("x", 80, socket.AF_UNSPEC, socket.SOCK_STREAM)]


def test_no_address_is_not_the_same_as_no_answer(dns: Names) -> None:
    dns.update({"none": socket.EAI_NONAME, "away": socket.EAI_AGAIN, "two": ["10.0.0.2"] * 2})
    assert addresses("none", 80) == []
    assert addresses("two", 80) == [("10.0.0.2", 80)]
    with pytest.raises(OSError, match="as the test wants it"):
        addresses("away", 80)
