"""The description outlives the services that it is of."""

from typing import Any

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from chassis.mesh import Reply
from chassis.problems import Unavailable
from chassis.resilience import Deadline, current_deadline, remaining_or
from gateway.description import Description

SHOWS: dict[str, Any] = {"paths": {"/shows": {"get": {"responses": {"200": {}}}}}}


class FakeMesh:
    """Catalog has a description; nobody else answers."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.seconds = 0.0
        self.body = orjson.dumps(SHOWS)

    async def call(self, service: str, method: str, target: str) -> Reply:
        assert (method, target) == ("GET", "/openapi.json")
        self.seconds = remaining_or(0.0)
        self.asked += service == "catalog"
        if self.away or service != "catalog":
            raise Unavailable
        return Reply(200, CIMultiDictProxy(CIMultiDict()), self.body)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def mesh() -> FakeMesh:
    return FakeMesh()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def description(mesh: FakeMesh, clock: Clock) -> Description:
    return Description(mesh, 60, clock)  # type: ignore[arg-type]


def paths(document: dict[str, Any]) -> list[str]:
    return list(document["paths"])


async def test_is_asked_for_again_soon_while_somebody_is_missing(
    description: Description, mesh: FakeMesh, clock: Clock
) -> None:
    assert paths(await description.document()) == ["/api/v1/shows"]
    await description.document()
    assert mesh.asked == 1
    clock.now += 5
    await description.document()
    assert mesh.asked == 2


async def test_keeps_the_last_known(description: Description, mesh: FakeMesh, clock: Clock) -> None:
    await description.document()
    mesh.away = True
    clock.now += 100
    assert paths(await description.document()) == ["/api/v1/shows"]


async def test_nonsense_is_no_description(description: Description, mesh: FakeMesh) -> None:
    mesh.body = b"<html>"
    assert paths(await description.document()) == []


async def test_who_is_in_a_hurry_does_not_ask_in_vain_for_all(
    description: Description, mesh: FakeMesh
) -> None:
    hurry = Deadline.after(0.001)
    token = current_deadline.set(hurry)
    await description.document()
    assert current_deadline.get() is hurry
    current_deadline.reset(token)
    assert mesh.seconds > 0.5
