"""The configuration: a TOML file, or what the command line's quick form says.

instance, zone, region, service, access_log_sample, drain_seconds
[limits]                    see wire/limits.py
[admin]                     address, token
[defaults]                  what all pools have in common: as a pool, without its instances
[pools.NAME]                see pools/settings.py, with check, eject and retry as tables
  instances = [{address = "10.0.0.1:8000", zone = "a", weight = 1}]
  dns = [{name = "orders-a", port = 8000, zone = "a", weight = 1}]
[listeners.NAME]            address, and what front.py has
  routes = [{host = "orders", path = "/", pool = "orders"}]
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from loadbalancer.front import FrontSettings
from loadbalancer.identity import find_instance
from loadbalancer.pools.policy import NAMES as POLICIES
from loadbalancer.pools.settings import PoolSettings
from loadbalancer.routes import Route
from loadbalancer.table import ConfigError, Table, address
from loadbalancer.wire.limits import Limits

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["AdminSettings", "Config", "ConfigError", "Member", "PoolConfig", "load", "quick"]

S = TypeVar("S", bound="DataclassInstance")
_DRAIN_SECONDS = 10.0
_SHORTEST_TOKEN = 16
_PORT = 80


@dataclass(frozen=True, slots=True)
class Member:
    """An instance by address, or all instances behind a name."""

    host: str
    port: int
    zone: str = ""
    weight: int = 1


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """A pool with what is known of its instances."""

    settings: PoolSettings
    static: tuple[Member, ...] = ()
    dns: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """Where people and programs ask how it is."""

    host: str
    port: int
    token: str


@dataclass(frozen=True, slots=True)
class Config:
    """Everything."""

    instance: str
    zone: str
    region: str
    limits: Limits
    pools: tuple[PoolConfig, ...]
    listeners: tuple[tuple[FrontSettings, tuple[Route, ...]], ...]
    admin: AdminSettings | None = None
    drain_seconds: float = _DRAIN_SECONDS
    """Time that requests under way have to finish, once told to stop."""


def load(path: Path, environment: dict[str, str] | None = None) -> Config:
    """Reads a file.

    Raises:
        ConfigError: with the file, and the key or the line.
    """
    try:
        return parse(tomllib.loads(path.read_text()), environment)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(content: dict[str, object], environment: dict[str, str] | None = None) -> Config:
    """Reads what a file says.

    Raises:
        ConfigError: with the key.
    """
    file = Table(content, environment=environment)
    zone = file.take("zone", str, "")
    service = file.take("service", str, "balancer")
    limits = _all(file.table("limits"), Limits())
    admin = file.table("admin") if "admin" in content else None
    common = file.table("defaults")
    port = common.take("port", int, _PORT)
    defaults = _pool_settings(common, PoolSettings(""))
    common.end()
    config = Config(
        instance=file.take("instance", str, "") or find_instance(service, zone),
        zone=zone,
        region=file.take("region", str, ""),
        drain_seconds=file.take("drain_seconds", float, _DRAIN_SECONDS),
        limits=limits,
        pools=tuple(_pool(name, table, defaults, port) for name, table in file.tables("pools")),
        listeners=tuple(_listener(name, table) for name, table in file.tables("listeners")),
        admin=_admin(admin) if admin else None,
    )
    file.end()
    _cross_check(config)
    return config


def quick(
    listen: str, backends: list[str], *, instance: str = "balancer", check: str = ""
) -> Config:
    """One listener and one pool of backends, which are up while their port answers the check.

    Raises:
        ConfigError: an address is none.
    """
    host, port = address(listen, "--listen")
    settings = PoolSettings("backends")
    settings = dataclasses.replace(
        settings, check=dataclasses.replace(settings.check, path=check or "")
    )
    members = tuple(Member(*address(backend, "--backend")) for backend in backends)
    return Config(
        instance=instance,
        zone="",
        region="",
        limits=Limits(),
        pools=(PoolConfig(settings, members),),
        listeners=((FrontSettings("http", host, port), (Route("backends"),)),),
    )


def _all(table: Table, like: S) -> S:
    filled = table.fill(like)
    table.end()
    return filled


def _pool_settings(table: Table, like: PoolSettings) -> PoolSettings:
    settings = table.fill(like)
    if settings.policy not in POLICIES:
        raise ConfigError(f"{table.key('policy')}: must be one of {', '.join(POLICIES)}")
    return dataclasses.replace(
        settings,
        check=_all(table.table("check"), like.check),
        eject=_all(table.table("eject"), like.eject),
        retry=_all(table.table("retry"), like.retry),
    )


def _pool(name: str, table: Table, defaults: PoolSettings, port: int) -> PoolConfig:
    settings = _pool_settings(table, dataclasses.replace(defaults, name=name))
    port = table.take("port", int, port)
    static = []
    for row in table.rows("instances"):
        host, own_port = address(row.take("address", str), row.key("address"))
        static.append(_member(row, host, own_port))
    dns = [
        _member(row, row.take("name", str), row.take("port", int, port))
        for row in table.rows("dns")
    ]
    table.end()
    if not static and not dns:
        raise ConfigError(f"{table.key('instances')}: neither this nor dns names an instance")
    return PoolConfig(settings, tuple(static), tuple(dns))


def _member(row: Table, host: str, port: int) -> Member:
    weight = row.take("weight", int, 1)
    if not 0 < weight <= 100:  # noqa: PLR2004 - a whole round is worked out in advance
        raise ConfigError(f"{row.key('weight')}: must be from 1 to 100")
    member = Member(host, port, row.take("zone", str, ""), weight)
    row.end()
    return member


def _listener(name: str, table: Table) -> tuple[FrontSettings, tuple[Route, ...]]:
    host, port = address(table.take("address", str), table.key("address"))
    settings = table.fill(FrontSettings(name, host, port))
    routes = []
    for row in table.rows("routes"):
        route = Route(row.take("pool", str), row.take("host", str, ""), row.take("path", str, "/"))
        if not route.path.startswith("/"):
            raise ConfigError(f"{row.key('path')}: must begin with a slash")
        row.end()
        routes.append(route)
    table.end()
    return settings, tuple(routes)


def _admin(table: Table) -> AdminSettings:
    host, port = address(table.take("address", str), table.key("address"))
    token = table.take("token", str)
    if len(token) < _SHORTEST_TOKEN:
        raise ConfigError(f"{table.key('token')}: must have {_SHORTEST_TOKEN} characters or more")
    table.end()
    return AdminSettings(host, port, token)


def _cross_check(config: Config) -> None:
    pools = {pool.settings.name for pool in config.pools}
    if not config.listeners:
        raise ConfigError("listeners: none")
    for front, routes in config.listeners:
        for at, route in enumerate(routes):
            if route.pool not in pools:
                key = f"listeners.{front.name}.routes[{at}].pool"
                raise ConfigError(f"{key}: there is no pool {route.pool!r}")
