"""Routes."""

import random

import pytest

from loadbalancer.datapath.routes import Route, Routes
from loadbalancer.pools.pool import Pool
from loadbalancer.pools.settings import PoolSettings

POOLS = {
    name: Pool(PoolSettings(name), "", lambda *_, **__: None, random.Random())
    for name in ("gateway", "orders", "rest")
}
EDGE = Routes([Route("gateway", path="/api/"), Route("gateway", path="/docs")], POOLS)
MESH = Routes([Route("orders", host="Orders"), Route("rest", host="x", path="/a/")], POOLS)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (b"/api/", True), (b"/api/v1/x?y", True), (b"/api", False), (b"/apis/", False),
        (b"/docs", True), (b"/docs?x", True), (b"/docs/", True), (b"/docs/x", True),
        (b"/docsx", False), (b"/", False), (b"/x/api/", False), (b"*", False),
    ],
)  # fmt: skip
def test_by_path(target: bytes, found: bool) -> None:
    assert (EDGE.match(b"anything", target) is POOLS["gateway"]) is found


@pytest.mark.parametrize(
    ("host", "target", "pool"),
    [
        (b"orders", b"/", "orders"), (b"orders", b"*", "orders"), (b"x", b"/a/b", "rest"),
        (b"x", b"/b", None), (b"", b"/", None), (b"orders.evil", b"/", None),
    ],
)  # fmt: skip
def test_by_host(host: bytes, target: bytes, pool: str | None) -> None:
    assert MESH.match(host, target) is (POOLS[pool] if pool else None)


def test_a_first_route_that_takes_everything_is_known() -> None:
    assert Routes([Route("rest"), Route("orders", host="orders")], POOLS).all is POOLS["rest"]
    for routes in ([], [Route("rest", host="x")], [Route("rest", path="/a"), Route("rest")]):
        assert Routes(routes, POOLS).all is None
