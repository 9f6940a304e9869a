"""What only a whole configuration shows: names that lead nowhere, and what suits whom."""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from loadbalancer.config.table import ConfigError

if TYPE_CHECKING:
    from loadbalancer.config.config import Config
    from loadbalancer.pools.settings import PoolSettings

_TUNNELS = 10_000
"""Connections in mode tcp, where each is a request that may last for hours."""


def cross_check(config: Config) -> None:
    """What is named is there, and leads somewhere.

    Raises:
        ConfigError: with the key.
    """
    pools = {pool.settings.name for pool in config.pools}
    if not config.listeners:
        raise ConfigError("listeners: none")
    taken = {(config.admin.host, config.admin.port): "admin"} if config.admin else {}
    for front, routes in config.listeners:
        key = f"listeners.{front.name}"
        if other := taken.get((front.host, front.port)):
            raise ConfigError(f"{key}.address: {other} has it already")
        taken[front.host, front.port] = key
        for at, route in enumerate(routes):
            if route.pool not in pools:
                raise ConfigError(f"{key}.routes[{at}].pool: there is no pool {route.pool!r}")
        pools_by_name = {pool.settings.name: pool for pool in config.pools}
        if front.mode == "tcp" and [(r.host, r.path) for r in routes] != [("", "/")]:
            raise ConfigError(f"{key}.routes: mode tcp knows one pool, and no host or path")
        if not routes:
            raise ConfigError(f"{key}.routes: must lead to a pool (or say pool instead)")
        for route in routes:
            if front.mode == "http" and pools_by_name[route.pool].settings.send_proxy:
                name = f"pools.{route.pool}.send_proxy"
                raise ConfigError(f"{name}: {key} is not in mode tcp, and shares connections")


def suit_tunnels(config: Config, content: dict[str, Any]) -> Config:
    """Pools for mode tcp only: a port that opens is the check, and connections last."""
    modes: dict[str, set[str]] = {}
    for front, routes in config.listeners:
        for route in routes:
            modes.setdefault(route.pool, set()).add(front.mode)
    pools = []
    for pool in config.pools:
        name = pool.settings.name
        if modes.get(name) != {"tcp"}:
            pools.append(pool)
            continue
        said = [content.get("defaults", {}), content["pools"][name]]
        settings = for_tunnels(pool.settings, {key for table in said for key in table})
        if any("path" in table.get("check", {}) for table in said):
            settings = dataclasses.replace(settings, check=pool.settings.check)
        pools.append(dataclasses.replace(pool, settings=settings))
    return dataclasses.replace(config, pools=tuple(pools))


def for_tunnels(settings: PoolSettings, given: Container[str] = ()) -> PoolSettings:
    """Defaults of a pool in mode tcp, where nothing else is given."""
    names = ("max_requests", "max_connections")
    changes: dict[str, Any] = {name: _TUNNELS for name in names if name not in given}
    check = dataclasses.replace(settings.check, path="")
    return dataclasses.replace(settings, check=check, **changes)
