"""From one configuration to the next: who stays, who goes, and what is known of whom."""

import tomllib
from pathlib import Path

import pytest

from loadbalancer.config.config import parse
from loadbalancer.parts import Parts
from loadbalancer.pools.instance import Listing, State

BASE = """
[listeners.l]
address = "127.0.0.1:1"
pool = "p"
[pools.p]
instances = [{address = "10.0.0.1:1"}]
dns = [{name = "x", port = 2}]
file = "f.txt"
"""


class Script:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.parts = Parts(
            lambda event, **_: self.told.append(event), lambda *_: None, lambda _: None
        )

    def become(self, text: str, *, leading: bool = True) -> None:
        self.parts.change(parse(tomllib.loads(text), {}, self.folder), leading=leading)

    def listed(self, pool: str = "p") -> set[str]:
        instances = self.parts.pools[pool].instances.values()
        return {i.address for i in instances if i.listing is Listing.LISTED}

    def resolve(self, *addresses: str) -> None:
        """What the name service says of x."""
        pool = self.parts.pools["p"]
        pool.discovered("dns x:2", [(host, 2) for host in addresses], "", 0.0)


@pytest.fixture
async def script(tmp_path: Path) -> Script:
    (tmp_path / "f.txt").write_text("10.0.0.3:3\n")
    made = Script(tmp_path)
    made.become(BASE)
    made.resolve("10.0.0.2")
    return made


async def test_all_ways_of_listing_add_up(script: Script) -> None:
    assert script.listed() == {"10.0.0.1:1", "10.0.0.2:2", "10.0.0.3:3"}


async def test_who_is_still_listed_stays_the_same(script: Script) -> None:
    before = dict(script.parts.pools["p"].instances)
    script.become(BASE.replace("[pools.p]", "[pools.p]\nmax_wait = 1"))
    assert script.parts.pools["p"].instances == before
    assert script.parts.pools["p"].settings.max_wait == 1
    assert len(script.listed()) == 3


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ('instances = [{address = "10.0.0.1:1"}]\n', {"10.0.0.2:2", "10.0.0.3:3"}),
        ('dns = [{name = "x", port = 2}]\n', {"10.0.0.1:1", "10.0.0.3:3"}),
        ('file = "f.txt"\n', {"10.0.0.1:1", "10.0.0.2:2"}),
    ],
)
async def test_who_is_not_listed_any_more_goes(script: Script, line: str, left: set[str]) -> None:
    script.become(BASE.replace(line, ""))
    assert script.listed() == left


async def test_a_worker_that_does_not_lead_neither_asks_nor_reads(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("10.0.0.3:3\n")
    made = Script(tmp_path)
    made.become(BASE, leading=False)
    assert made.listed() == {"10.0.0.1:1"}
    made.parts.discover(parse(tomllib.loads(BASE), {}, tmp_path))
    assert made.listed() == {"10.0.0.1:1", "10.0.0.3:3"}


async def test_a_pool_that_goes_finishes_what_was_begun(script: Script) -> None:
    old = script.parts.pools["p"]
    old.in_flight = 1
    script.become(BASE.replace("pools.p]", "pools.q]").replace('"p"', '"q"'))
    (until,) = script.parts.leaving.values()
    script.parts.tick(until + 1)
    assert list(script.parts.leaving) == [old]
    assert old.usable  # for who waits for a place, and for another try
    old.in_flight = 0
    script.parts.tick(until + 2)
    assert not script.parts.leaving
    assert {i.state for i in old.instances.values()} == {State.GONE}


async def test_a_pool_that_goes_is_there_for_a_body_that_is_on_its_way(script: Script) -> None:
    old = script.parts.pools["p"]
    script.become(BASE.replace("pools.p]", "pools.q]").replace('"p"', '"q"'))
    (until,) = script.parts.leaving.values()
    script.parts.tick(until - 1)
    assert old.usable
    script.parts.tick(until)
    assert not old.usable


async def test_a_listener_stays_while_its_name_and_address_do(script: Script) -> None:
    front = script.parts.fronts["l"]
    script.become(BASE.replace('pool = "p"', 'pool = "p"\nidle = 5'))
    assert script.parts.fronts["l"] is front
    assert front.settings.idle == 5
    script.become(BASE.replace("127.0.0.1:1", "127.0.0.1:2"))
    assert script.parts.fronts["l"] is not front


async def test_a_file_is_read_when_it_changes_and_only_then(script: Script) -> None:
    file = script.folder / "f.txt"
    file.write_text("10.0.0.3:3\n10.0.0.4:4 weight=7\n")
    script.parts.files.look()
    assert "10.0.0.4:4" in script.listed()
    assert script.parts.pools["p"].instances["10.0.0.4:4"].weight == 7
    file.write_text("")
    script.parts.files.look()
    script.parts.files.look()
    assert script.told.count("instances file refused") == 1
    assert "10.0.0.4:4" in script.listed()
    file.write_text("10.0.0.4:4\n")
    script.parts.files.look()
    assert script.listed() == {"10.0.0.1:1", "10.0.0.2:2", "10.0.0.4:4"}
    assert "instances file good again" in script.told
