"""The configuration: a TOML file, or what the command line's quick form says.

instance, zone, region, service, workers, drain_seconds
[limits]                    see wire/limits.py
[admin]                     address, token
[defaults]                  what all pools have in common: as a pool, without its instances
[pools.NAME]                see pools/settings.py, with check, eject and retry as tables
  instances = [{address = "10.0.0.1:8000", zone = "a", weight = 1}]
  dns = [{name = "orders-a", port = 8000, zone = "a", weight = 1}]
  file = "backends.txt"     see members.py; read again when it changes
[listeners.NAME]            address, and what front.py has
  routes = [{host = "orders", path = "/", pool = "orders"}]
  pool = "orders"           instead of routes: everything goes there
  mode = "tcp"              passes connections on as they are
  tls = {certificate = "c.pem", key = "k.pem"}    see tls.py
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import tomllib
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from loadbalancer.config.identity import find_instance
from loadbalancer.config.lines import line_of
from loadbalancer.config.table import ConfigError, Table
from loadbalancer.config.texts import address, file_name, host_name
from loadbalancer.datapath.routes import Route
from loadbalancer.datapath.settings import FrontSettings
from loadbalancer.discovery.members import Member, member
from loadbalancer.listeners.tls import TlsSettings
from loadbalancer.pools.affinity import is_cookie_name, is_key
from loadbalancer.pools.policy import NAMES as POLICIES
from loadbalancer.pools.settings import PoolSettings
from loadbalancer.wire.forwarded import EVERYBODY
from loadbalancer.wire.limits import Limits

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "AdminSettings",
    "Config",
    "ConfigError",
    "Member",
    "PoolConfig",
    "load",
    "quick",
    "read",
]

S = TypeVar("S", bound="DataclassInstance")
_DRAIN_SECONDS = 10.0
_SHORTEST_TOKEN = 16
_PORT = 80
_MOST_WORKERS = 256
_MODES = ("http", "tcp")
_TUNNELS = 10_000
"""Connections in mode tcp, where each is a request that may last for hours."""


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """A pool with what is known of its instances."""

    settings: PoolSettings
    static: tuple[Member, ...] = ()
    dns: tuple[Member, ...] = ()
    file: Path | None = None


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
    workers: int = 1
    """Processes; 0: as many as there are cores."""
    drain_seconds: float = _DRAIN_SECONDS
    """Time that requests under way have to finish, once told to stop."""
    path: Path | None = None
    text: str = field(default="", repr=False)
    """What the file said."""


def load(
    path: Path, environment: dict[str, str] | None = None, *, workers: int | None = None
) -> Config:
    """Reads a file. `workers` counts more than what it says of them.

    Raises:
        ConfigError: with the file, and the key or the line.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    config = read(text, path, environment)
    return config if workers is None else dataclasses.replace(config, workers=workers)


def read(text: str, path: Path, environment: dict[str, str] | None = None) -> Config:
    """Reads the text of a file; other files that it names are looked for beside it.

    Raises:
        ConfigError: with the file, the line and the key.
    """
    try:
        config = parse(tomllib.loads(text), environment, path.parent)
    except tomllib.TOMLDecodeError as error:
        said, at, line = str(error).rpartition(" (at line ")
        where = f"line {line.partition(',')[0]}: " if at else ""
        raise ConfigError(f"{path}: {where}{said or error}") from error
    except ConfigError as error:
        line_number = line_of(text, str(error).partition(": ")[0])
        where = f"line {line_number}: " if line_number else ""
        raise ConfigError(f"{path}: {where}{error}") from None
    except Exception as error:
        raise ConfigError(f"{path}: not understood: {type(error).__name__}: {error}") from error
    return dataclasses.replace(config, path=path, text=text)


def parse(
    content: dict[str, Any], environment: dict[str, str] | None = None, base: Path = Path()
) -> Config:
    """Reads what a file says.

    Raises:
        ConfigError: with the key.
    """
    file = Table(content, environment=environment)
    zone = file.take("zone", str, "")
    service = file.take("service", str, "balancer")
    workers = file.take("workers", int, 1)
    check_workers(workers, "workers")
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
        workers=workers,
        drain_seconds=file.take("drain_seconds", float, _DRAIN_SECONDS),
        limits=limits,
        pools=tuple(
            _pool(name, table, defaults, port, base) for name, table in file.tables("pools")
        ),
        listeners=tuple(_listener(name, table, base) for name, table in file.tables("listeners")),
        admin=_admin(admin) if admin else None,
    )
    file.end()
    _cross_check(config)
    return _suit_tunnels(config, content)


def quick(
    listen: str,
    backends: list[str],
    *,
    instance: str = "balancer",
    check: str = "",
    workers: int = 1,
    tcp: bool = False,
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
    mode = "tcp" if tcp else "http"
    if tcp:
        settings = for_tunnels(settings)
    members = tuple(Member(*address(backend, "--backend")) for backend in backends)
    return Config(
        instance=instance,
        zone="",
        region="",
        limits=Limits(),
        workers=workers,
        pools=(PoolConfig(settings, members),),
        listeners=((FrontSettings(mode, host, port, mode), (Route("backends"),)),),
    )


def check_workers(workers: int, key: str) -> None:
    """A number of processes that makes sense.

    Raises:
        ConfigError: it is none.
    """
    if not 0 <= workers <= _MOST_WORKERS:
        raise ConfigError(f"{key}: must be from 0 to {_MOST_WORKERS}")


def cores(config: Config) -> int:
    """How many workers there are to be."""
    return config.workers or len(os.sched_getaffinity(0))


def share(config: Config) -> Config:
    """One worker's part: what is limited for the whole is divided among the workers."""
    workers = cores(config)
    if workers == 1:
        return config
    pools = [
        dataclasses.replace(pool, settings=_share_pool(pool.settings, workers))
        for pool in config.pools
    ]
    listeners = [
        (dataclasses.replace(f, max_connections=_part(f.max_connections, workers)), routes)
        for f, routes in config.listeners
    ]
    return dataclasses.replace(config, pools=tuple(pools), listeners=tuple(listeners))


def _share_pool(settings: PoolSettings, workers: int) -> PoolSettings:
    return dataclasses.replace(
        settings,
        max_requests=_part(settings.max_requests, workers),
        adaptive_least=_part(settings.adaptive_least, workers),
        max_waiting=_part(settings.max_waiting, workers),
        max_connections=_part(settings.max_connections, workers),
        retry=dataclasses.replace(
            settings.retry, budget_min=_part(settings.retry.budget_min, workers)
        ),
    )


def _part(whole: int, workers: int) -> int:
    return -(-whole // workers)


def _all(table: Table, like: S) -> S:
    filled = table.fill(like)
    table.end()
    return filled


def _pool_settings(table: Table, like: PoolSettings) -> PoolSettings:
    settings = table.fill(like)
    if settings.policy not in POLICIES:
        raise ConfigError(f"{table.key('policy')}: must be one of {', '.join(POLICIES)}")
    if not is_key(settings.hash_on):
        raise ConfigError(
            f"{table.key('hash_on')}: must be client, path, header:NAME or cookie:NAME"
        )
    if settings.hash_bound < 1:
        raise ConfigError(f"{table.key('hash_bound')}: must be 1 or more")
    if settings.sticky_cookie and not is_cookie_name(settings.sticky_cookie):
        raise ConfigError(f"{table.key('sticky_cookie')}: must be a cookie's name")
    return dataclasses.replace(
        settings,
        check=_all(table.table("check"), like.check),
        eject=_all(table.table("eject"), like.eject),
        retry=_all(table.table("retry"), like.retry),
    )


def _pool(name: str, table: Table, defaults: PoolSettings, port: int, base: Path) -> PoolConfig:
    settings = _pool_settings(table, dataclasses.replace(defaults, name=name))
    port = table.take("port", int, port)
    static = []
    for row in table.rows("instances"):
        host, own_port = address(row.take("address", str), row.key("address"))
        static.append(member(row, host, own_port))
    dns = [
        member(row, host_name(row.take("name", str), row.key("name")), row.take("port", int, port))
        for row in table.rows("dns")
    ]
    listed = table.take("file", str, "")
    file = file_name(base, listed, table.key("file")) if listed else None
    table.end()
    if not static and not dns and not file:
        raise ConfigError(f"{table.key('instances')}: no instances, dns or file names an instance")
    return PoolConfig(settings, tuple(static), tuple(dns), file)


def _listener(name: str, table: Table, base: Path) -> tuple[FrontSettings, tuple[Route, ...]]:
    host, port = address(table.take("address", str), table.key("address"))
    tls = _tls(table.table("tls"), base) if table.has("tls") else None
    trusted = _trusted(table.take("trusted", object, default=False), table.key("trusted"))
    settings = table.fill(FrontSettings(name, host, port, tls=tls, trusted=trusted))
    if settings.mode not in _MODES:
        raise ConfigError(f"{table.key('mode')}: must be one of {', '.join(_MODES)}")
    for network in settings.proxy_from:
        _check_network(network, table.key("proxy_from"))
    routes = []
    for row in table.rows("routes"):
        route = Route(row.take("pool", str), row.take("host", str, ""), row.take("path", str, "/"))
        if not route.path.startswith("/"):
            raise ConfigError(f"{row.key('path')}: must begin with a slash")
        row.end()
        routes.append(route)
    if pool := table.take("pool", str, ""):
        routes.append(Route(pool))
    table.end()
    return settings, tuple(routes)


def _tls(table: Table, base: Path) -> TlsSettings:
    certificate, key = (
        str(file_name(base, table.take(name, str), table.key(name)))
        for name in ("certificate", "key")
    )
    return _all(table, TlsSettings(certificate, key))


def _trusted(given: object, key: str) -> tuple[str, ...]:
    """`true` stands for everybody."""
    if isinstance(given, bool):
        return EVERYBODY if given else ()
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ConfigError(f"{key}: must be true, false or a list of networks")
    for at, network in enumerate(given):
        _check_network(network, f"{key}[{at}]")
    return tuple(given)


def _check_network(network: str, key: str) -> None:
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None


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
        for route in routes:
            if front.mode == "http" and pools_by_name[route.pool].settings.send_proxy:
                name = f"pools.{route.pool}.send_proxy"
                raise ConfigError(f"{name}: {key} is not in mode tcp, and shares connections")


def _suit_tunnels(config: Config, content: dict[str, Any]) -> Config:
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
