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
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from loadbalancer.config import texts
from loadbalancer.config.bounds import SECONDS
from loadbalancer.config.identity import find_instance
from loadbalancer.config.lines import line_of
from loadbalancer.config.table import ConfigError, Table
from loadbalancer.config.whole import cross_check, for_tunnels, suit_tunnels
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
_PORT = 80
_MOST_WORKERS = 256
_MODES = ("http", "tcp")


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
    """Processes; 0: one on each core that we may use."""
    drain_seconds: float = _DRAIN_SECONDS
    """Time that requests under way have to finish, once told to stop."""
    path: Path | None = None
    text: str = field(default="", repr=False)
    """What the file said."""

    def address_key(self, address: tuple[str, int]) -> str:
        """The key that names an address to listen at."""
        if self.path is None:
            return "--listen"
        fronts = (front for front, _ in self.listeners)
        names = [front.name for front in fronts if (front.host, front.port) == address]
        return f"listeners.{names[0]}.address" if names else "admin.address"

    def located(self, error: ConfigError) -> ConfigError:
        """What turned out only after reading, with the file and the line of the key."""
        if self.path is None:
            return ConfigError(f"command line: {error}")
        return _located(error, self.path, self.text)


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
        raise _located(error, path, text) from None
    except Exception as error:
        raise ConfigError(f"{path}: not understood: {type(error).__name__}: {error}") from error
    return dataclasses.replace(config, path=path, text=text)


def _located(error: ConfigError, path: Path, text: str) -> ConfigError:
    """The same, with the file, and the line of the key that it names."""
    line_number = line_of(text, str(error).partition(": ")[0])
    where = f"line {line_number}: " if line_number else ""
    return ConfigError(f"{path}: {where}{error}")


def parse(
    content: dict[str, Any], environment: dict[str, str] | None = None, base: Path = Path()
) -> Config:
    """Reads what a file says.

    Raises:
        ConfigError: with the key.
    """
    file = Table(content, environment=environment)
    zone, service, instance, region = (
        texts.word(file.take(key, str, default), key)
        for key, default in (
            ("zone", ""),
            ("service", "balancer"),
            ("instance", ""),
            ("region", ""),
        )
    )
    drain_seconds = file.number("drain_seconds", SECONDS, _DRAIN_SECONDS)
    workers = file.take("workers", int, 1)
    check_workers(workers, "workers")
    limits = _all(file.table("limits"), Limits())
    admin = file.table("admin") if "admin" in content else None
    common = file.table("defaults")
    usual_port = texts.port(common.take("port", int, _PORT), common.key("port"))
    defaults = _pool_settings(common, PoolSettings(""))
    common.end()
    config = Config(
        instance=instance or find_instance(service, zone),
        zone=zone,
        region=region,
        workers=workers,
        drain_seconds=drain_seconds,
        limits=limits,
        pools=tuple(
            _pool(name, table, defaults, usual_port, base) for name, table in file.tables("pools")
        ),
        listeners=tuple(_listener(name, table, base) for name, table in file.tables("listeners")),
        admin=_admin(admin) if admin else None,
    )
    file.end()
    cross_check(config)
    return suit_tunnels(config, content)


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
        ConfigError: an address or a path is none.
    """
    host, own_port = texts.address(listen, "--listen")
    if check:
        texts.target(check, "--check-path")
    settings = PoolSettings("backends")
    settings = dataclasses.replace(
        settings, check=dataclasses.replace(settings.check, path=check or "")
    )
    mode = "tcp" if tcp else "http"
    if tcp:
        settings = for_tunnels(settings)
    members = tuple(Member(*texts.address(backend, "--backend")) for backend in backends)
    return Config(
        instance=instance,
        zone="",
        region="",
        limits=Limits(),
        workers=workers,
        pools=(PoolConfig(settings, members),),
        listeners=((FrontSettings(mode, host, own_port, mode), (Route("backends"),)),),
    )


def check_workers(workers: int, key: str) -> None:
    """A number of processes that makes sense.

    Raises:
        ConfigError: it is none.
    """
    if not 0 <= workers <= _MOST_WORKERS:
        raise ConfigError(f"{key}: must be from 0 to {_MOST_WORKERS}")


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
    if settings.sticky_cookie and not is_cookie_name(settings.sticky_cookie):
        raise ConfigError(f"{table.key('sticky_cookie')}: must be a cookie's name")
    check = _all(table.table("check"), like.check)
    if check.path:
        texts.target(check.path, table.key("check.path"))
    return dataclasses.replace(
        settings,
        check=check,
        eject=_all(table.table("eject"), like.eject),
        retry=_all(table.table("retry"), like.retry),
    )


def _pool(name: str, table: Table, defaults: PoolSettings, usual: int, base: Path) -> PoolConfig:
    texts.word(name, table.key(""))
    settings = _pool_settings(table, dataclasses.replace(defaults, name=name))
    usual = texts.port(table.take("port", int, usual), table.key("port"))
    static = []
    for row in table.rows("instances"):
        host, own_port = texts.address(row.take("address", str), row.key("address"))
        static.append(member(row, host, own_port))
    dns = [
        member(
            row,
            texts.host_name(row.take("name", str), row.key("name")),
            texts.port(row.take("port", int, usual), row.key("port")),
        )
        for row in table.rows("dns")
    ]
    listed = table.take("file", str, "")
    file = texts.file_name(base, listed, table.key("file")) if listed else None
    table.end()
    if not static and not dns and not file:
        raise ConfigError(f"{table.key('instances')}: no instances, dns or file names an instance")
    return PoolConfig(settings, tuple(static), tuple(dns), file)


def _listener(name: str, table: Table, base: Path) -> tuple[FrontSettings, tuple[Route, ...]]:
    texts.word(name, table.key(""))
    host, own_port = texts.address(table.take("address", str), table.key("address"))
    tls = _tls(table.table("tls"), base) if table.has("tls") else None
    trusted = _trusted(table.take("trusted", object, default=False), table.key("trusted"))
    settings = table.fill(FrontSettings(name, host, own_port, tls=tls, trusted=trusted))
    if settings.mode not in _MODES:
        raise ConfigError(f"{table.key('mode')}: must be one of {', '.join(_MODES)}")
    for network in settings.proxy_from:
        _check_network(network, table.key("proxy_from"))
    for protocol in settings.upgrades:
        texts.token(protocol, table.key("upgrades"))
    routes = []
    for row in table.rows("routes"):
        route = Route(row.take("pool", str), row.take("host", str, ""), row.take("path", str, "/"))
        if "?" in texts.target(route.path, row.key("path")):
            raise ConfigError(f"{row.key('path')}: must have no query, which is not looked at")
        if route.host and ":" in texts.host_name(route.host, row.key("host")).rpartition("]")[2]:
            raise ConfigError(f"{row.key('host')}: must have no port, which is not looked at")
        row.end()
        routes.append(route)
    if pool := table.take("pool", str, ""):
        routes.append(Route(pool))
    table.end()
    return settings, tuple(routes)


def _tls(table: Table, base: Path) -> TlsSettings:
    certificate, key = (
        str(texts.file_name(base, table.take(name, str), table.key(name)))
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
    host, own_port = texts.address(table.take("address", str), table.key("address"))
    given = texts.secret(table.take("token", str), table.key("token"))
    table.end()
    return AdminSettings(host, own_port, given)
