"""The configuration, and how a bad one is refused."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from loadbalancer.cli import main
from loadbalancer.config.bounds import RANGES
from loadbalancer.config.config import Config, ConfigError, load, parse, quick
from loadbalancer.datapath.settings import FrontSettings
from loadbalancer.listeners.certificates import Certificates
from loadbalancer.listeners.tls import TlsSettings
from loadbalancer.pools.settings import CheckSettings, EjectSettings, PoolSettings, RetrySettings
from loadbalancer.wire.forwarded import EVERYBODY
from loadbalancer.wire.limits import Limits

GOOD = """
zone = "${ZONE}"
service = "balancer"
instance = "lb-1"
[admin]
address = "127.0.0.1:9080"
token = "${TOKEN}"
[defaults]
port = 8000
zone_aware = true
check = {interval = 1}
[pools.orders]
dns = [{name = "orders-a", zone = "a"}, {name = "orders-b", zone = "b", port = 81, weight = 2}]
check = {timeout = 0.5}
[pools.other]
zone_aware = false
instances = [{address = "[::1]:9000", zone = "a"}]
[listeners.mesh]
address = "0.0.0.0:8100"
trusted = true
idle = 30
routes = [{host = "orders", pool = "orders"}]
"""
ENVIRONMENT = {"ZONE": "a", "TOKEN": "0123456789abcdef"}


def read(text: str) -> Config:
    return parse(tomllib.loads(text), ENVIRONMENT)


def test_a_good_one() -> None:
    config = read(GOOD)
    orders, other = config.pools
    assert (config.zone, config.instance) == ("a", "lb-1")
    assert [(m.host, m.port, m.zone, m.weight) for m in orders.dns] == [
        ("orders-a", 8000, "a", 1), ("orders-b", 81, "b", 2),
    ]  # fmt: skip
    assert orders.settings.zone_aware
    assert not other.settings.zone_aware
    assert (orders.settings.check.interval, orders.settings.check.timeout) == (1.0, 0.5)
    assert other.static[0].host == "::1"
    [(front, routes)] = config.listeners
    assert (front.name, front.port, front.trusted, front.idle) == ("mesh", 8100, EVERYBODY, 30.0)
    assert routes[0].host == "orders"
    assert config.admin is not None
    assert config.admin.token == ENVIRONMENT["TOKEN"]


@pytest.mark.parametrize(
    ("change", "by", "says"),
    [
        ('zone = "${ZONE}"', 'zone = "${NOPE}"', "zone: the environment has no NOPE"),
        ("trusted = true", 'trusted = "yes"', "listeners.mesh.trusted: must be true, false or a"),
        ("trusted = true", 'trusted = ["10.0.0.1/8"]', "mesh.trusted[0]: 10.0.0.1/8 has host bits"),
        ("trusted = true", "trusted = [1]", "mesh.trusted: must be true, false or a list of net"),
        ("trusted = true", "trustd = true", "listeners.mesh.trustd: unknown key"),
        ("idle = 30", "idle = -1", "listeners.mesh.idle: must be from 0 to 31536000"),
        ("port = 81,", 'port = "81",', "pools.orders.dns[1].port: must be a whole number"),
        ("weight = 2", "weight = 0", "pools.orders.dns[1].weight: must be from 1 to 100"),
        ("timeout = 0.5", 'timeout = "1s"', "pools.orders.check.timeout: must be a number"),
        ("check = {interval = 1}", "check = 1", "defaults.check: must be a table"),
        ("zone_aware = false", 'policy = "best"', "pools.other.policy: must be one of"),
        ("zone_aware = false", 'hash_on = "header"', "pools.other.hash_on: must be client, path"),
        ("zone_aware = false", "hash_bound = 0.5", "pools.other.hash_bound: must be 1 or more"),
        ("zone_aware = false", 'sticky_cookie = "a b"', "pools.other.sticky_cookie: must be a coo"),
        ("0.0.0.0:8100", "8100", "listeners.mesh.address: must be host:port"),
        ("0.0.0.0:8100", "x:99999", "listeners.mesh.address: must be host:port"),
        ('pool = "orders"', 'pool = "nope"', "listeners.mesh.routes[0].pool: there is no pool"),
        ('host = "orders", pool', 'path = "x", pool', "routes[0].path: must begin with a slash"),
        (', pool = "orders"}', "}", "listeners.mesh.routes[0].pool: missing"),
        ('token = "${TOKEN}"', 'token = "short"', "admin.token: must have 16 characters"),
        ('instances = [{address = "[::1]:9000", zone = "a"}]', "",
         "pools.other.instances: no instances, dns or file"),
        ("idle = 30", "upgrades = [1]", "listeners.mesh.upgrades: each must be text"),
        ("0.0.0.0:8100", "127.0.0.1:9080", "listeners.mesh.address: admin has it already"),
        ("[defaults]", "[defaults]\nname_server = 1", "defaults.name_server: unknown key"),
        ('zone = "${ZONE}"', 'zone = "a"\nzoom = 1', "zoom: unknown key"),
        ('instances = [{address = "[::1]:9000", zone = "a"}]', "instances = 5",
         "pools.other.instances: must be a list of tables"),
        ('instances = [{address = "[::1]:9000", zone = "a"}]', 'instances = "[::1]:9000"',
         "pools.other.instances: must be a list of tables"),
        ('instances = [{address = "[::1]:9000", zone = "a"}]', 'file = "a\\u0000b"',
         "pools.other.file: 'a\\x00b' is no name of a file"),
        ("0.0.0.0:8100", "0.0.0.0:²", "listeners.mesh.address: must be host:port"),
        ("0.0.0.0:8100", "0.0.0.0:" + "9" * 5_000, "listeners.mesh.address: must be host:port"),
        ("0.0.0.0:8100", "a..b:8505", "listeners.mesh.address: 'a..b' is no host name"),
        ("[::1]:9000", "a..b:8505", "pools.other.instances[0].address: 'a..b' is no host name"),
        ("orders-a", "a..b", "pools.orders.dns[0].name: 'a..b' is no host name"),
        ("zone_aware = false", "eject = {statuses = [true]}", "eject.statuses: each must be a who"),
    ],
)  # fmt: skip
def test_a_bad_one_is_refused_by_its_key(change: str, by: str, says: str) -> None:
    assert change in GOOD
    with pytest.raises(ConfigError) as refused:
        read(GOOD.replace(change, by))
    assert says in str(refused.value)


def test_a_default_takes_the_place_of_a_variable() -> None:
    assert read(GOOD.replace("${ZONE}", "${NOPE:-c}")).zone == "c"


POOL = "zone_aware = false"


@pytest.mark.parametrize(
    ("change", "by", "says"),
    [
        (POOL, "stall = nan", "pools.other.stall: must be more than 0, and 31536000 at most"),
        (POOL, "stall = inf", "pools.other.stall: must be more than 0, and 31536000 at most"),
        (POOL, "panic = 5", "pools.other.panic: must be from 0 to 1"),
        (POOL, "hash_bound = nan", "pools.other.hash_bound: must be 1 or more"),
        (POOL, "max_requests = 0", "pools.other.max_requests: must be 1 or more"),
        (POOL, "try_factor = 0", "pools.other.try_factor: must be more than 0, and 1000 at most"),
        (POOL, "retry = {tries = 0}", "pools.other.retry.tries: must be 1 or more"),
        (POOL, "retry = {budget = 2}", "pools.other.retry.budget: must be from 0 to 1"),
        (POOL, "eject = {statuses = [5]}", "pools.other.eject.statuses: must be from 100 to 599"),
        (POOL, "check = {interval = 0}", "pools.other.check.interval: must be more than 0"),
        (POOL, "check = {timeout = 0}", "pools.other.check.timeout: must be more than 0"),
        (POOL, "check = {jitter = 9}", "pools.other.check.jitter: must be from 0 to 1"),
        (POOL, "check = {fall = 0}", "pools.other.check.fall: must be 1 or more"),
        (POOL, 'check = {path = "readyz"}', "pools.other.check.path: must begin with a slash"),
        (POOL, 'check = {path = "/a\\r\\nX: y"}', "pools.other.check.path: must be visible ASCII"),
        ("port = 81,", "port = 99999,", "pools.orders.dns[1].port: must be from 1 to 65535"),
        ("port = 8000", "port = 0", "defaults.port: must be from 1 to 65535"),
        ('{name = "orders-a", zone = "a"}', '{name = "x", zone = "中"}', "orders.dns[0].zone: "),
        ("idle = 30", "idle = 1" + "0" * 400, "listeners.mesh.idle: must be from 0 to 31536000"),
        ("idle = 30", "access_log_sample = 7", "listeners.mesh.access_log_sample: must be from 0"),
        ("idle = 30", 'upgrades = ["a b"]', "listeners.mesh.upgrades: 'a b' is no token"),
        ('host = "orders"', 'host = "a b"', "listeners.mesh.routes[0].host: 'a b' is no host name"),
        ('host = "orders"', 'path = "/a?b"', "mesh.routes[0].path: must have no query"),
        ('host = "orders"', 'path = "/ä"', "mesh.routes[0].path: must be visible ASCII without #"),
        ('host = "orders"', 'host = "shop:80"', "mesh.routes[0].host: must have no port"),
        ('host = "orders"', 'host = "[::1]:80"', "mesh.routes[0].host: must have no port"),
        ('routes = [{host = "orders", pool = "orders"}]', "",
         "listeners.mesh.routes: must lead to a pool"),
        ('instance = "lb-1"', 'instance = "b\\r\\nX: y"', "instance: must be ASCII letters"),
        ('zone = "${ZONE}"', 'zone = "zürich-中"', "zone: must be ASCII letters"),
        ("[pools.other]", '[pools."a\\r\\nb"]', "pools.a\r\nb: must be ASCII letters"),
        ('token = "${TOKEN}"', f'token = "{"п" * 16}"', "admin.token: must be visible ASCII"),
        ("[admin]", "drain_seconds = -1\n[admin]", "drain_seconds: must be from 0 to 31536000"),
        ("[admin]", "drain_seconds = nan\n[admin]", "drain_seconds: must be from 0 to 31536000"),
        ("[admin]", "[limits]\nhead = 0\n[admin]", "limits.head: must be 1 or more"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(change: str, by: str, says: str) -> None:
    assert change in GOOD
    with pytest.raises(ConfigError) as refused:
        read(GOOD.replace(change, by))
    assert says in str(refused.value)


def test_every_bound_is_of_a_setting_that_there_is() -> None:
    settings = (PoolSettings, CheckSettings, EjectSettings, RetrySettings, Limits, FrontSettings,
                TlsSettings)  # fmt: skip
    known = {one.__name__: {field.name for field in fields(one)} for one in settings}
    assert all(set(each) <= known[name] for name, each in RANGES.items())


def test_what_turns_out_later_is_located_too(tmp_path: Path) -> None:
    file = tmp_path / "balancer.toml"
    file.write_text(L4)
    config = load(file, {})
    with pytest.raises(ConfigError, match=r"balancer\.toml: line 13: listeners\.web\.tls\.cert"):
        Certificates.read(config)
    assert config.address_key(("0.0.0.0", 5432)) == "listeners.db.address"
    assert quick("h:1", ["h:2"]).address_key(("h", 1)) == "--listen"


def test_what_the_environment_has_must_be_text() -> None:
    with pytest.raises(ConfigError, match="zone: what the environment has as ZONE is not UTF-8"):
        parse(tomllib.loads(GOOD), {**ENVIRONMENT, "ZONE": "\udcff"})


def test_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "balancer.toml"
    with pytest.raises(ConfigError, match="No such file"):
        load(file)
    file.write_text("zone = \n")
    with pytest.raises(ConfigError, match=r"balancer\.toml: line 1: Invalid value$"):
        load(file)
    for strange in ("\0", "a" * 5_000):
        with pytest.raises(ConfigError):
            load(tmp_path / strange)
    for strange in ("a = " + "9" * 5_000, "a = " + "[" * 2_000 + "]" * 2_000):
        file.write_text(strange)
        with pytest.raises(ConfigError, match=r"balancer\.toml: not understood: \w+: "):
            load(file)
    file.write_text("pools = 5\n")
    with pytest.raises(ConfigError, match=r"line 1: pools: must be a table of tables"):
        load(file)
    file.write_text(GOOD.replace("idle = 30", "idle = []"))
    with pytest.raises(ConfigError, match=r"balancer\.toml: line 21: listeners\.mesh\.idle"):
        load(file, ENVIRONMENT)


def test_the_clusters_own_file_is_good() -> None:
    file = Path(__file__).parents[4] / "docker" / "balancer.toml"
    config = load(file, {"ZONE": "b", "ADMIN_TOKEN": "x" * 32, "INSTANCE": "balancer-b-1"})
    assert {front.name for front, _ in config.listeners} == {"edge", "mesh"}
    assert "payments" in {pool.settings.name for pool in config.pools}


def test_the_quick_form() -> None:
    config = quick("127.0.0.1:8080", ["127.0.0.1:9001", "127.0.0.1:9002"])
    assert len(config.pools[0].static) == 2
    assert config.pools[0].settings.check.path == ""
    with pytest.raises(ConfigError, match="--check-path: must begin with a slash"):
        quick("127.0.0.1:8080", ["127.0.0.1:9001"], check="readyz")
    with pytest.raises(ConfigError, match="--backend: must be host:port"):
        quick("127.0.0.1:8080", ["9001"])


def test_the_command_line_checks_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "balancer.toml"
    file.write_text(GOOD)
    main(["--config", str(file), "--check"])
    assert "good" in capsys.readouterr().out
    file.write_text(GOOD + "x = 1")
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(file), "--check"])
    assert ended.value.code == 2
    assert "listeners.mesh.x: unknown key" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])


L4 = """
[pools.db]
instances = [{address = "10.0.0.1:5432"}]
[pools.web]
instances = [{address = "10.0.0.1:80"}]
[listeners.db]
address = "0.0.0.0:5432"
mode = "tcp"
pool = "db"
proxy_from = ["10.0.0.0/8"]
[listeners.web]
address = "0.0.0.0:443"
tls = {certificate = "c.pem", key = "/k.pem", least = "1.3"}
routes = [{pool = "web"}]
"""


def test_a_pool_for_tunnels_only_has_defaults_that_suit_them() -> None:
    db, web = read(L4).pools
    assert (db.settings.check.path, db.settings.max_requests) == ("", 10_000)
    assert (web.settings.check.path, web.settings.max_requests) == ("/readyz", 512)
    given = 'max_requests = 7\ncheck = {path = "/up"}\n[pools.web]'
    db, _ = read(L4.replace("[pools.web]", given)).pools
    assert (db.settings.check.path, db.settings.max_requests) == ("/up", 7)
    db, _ = read('[defaults]\ncheck = {path = "/up"}' + L4).pools
    assert db.settings.check.path == "/up"


def test_files_are_looked_for_beside_the_configuration() -> None:
    config = parse(tomllib.loads(L4), {}, Path("/etc/lb"))
    tls = config.listeners[1][0].tls
    assert tls is not None
    assert (tls.certificate, tls.key, tls.least) == ("/etc/lb/c.pem", "/k.pem", "1.3")


@pytest.mark.parametrize(
    ("change", "by", "says"),
    [
        ('"tcp"', '"udp"', "listeners.db.mode: must be one of http, tcp"),
        ('pool = "db"\n', "", "listeners.db.routes: mode tcp knows one pool"),
        ('pool = "db"\n', 'routes = [{pool = "db", host = "x"}]\n', "listeners.db.routes: mode"),
        ("10.0.0.0/8", "10.0.0.1/8", "listeners.db.proxy_from: 10.0.0.1/8 has host bits"),
        ("[pools.web]", "[pools.web]\nsend_proxy = true", "pools.web.send_proxy: listeners.web"),
        (', key = "/k.pem"', "", "listeners.web.tls.key: missing"),
        ('"1.3"}', '"1.3", chain = 1}', "listeners.web.tls.chain: unknown key"),
        ("[pools.db]", "workers = -1\n[pools.db]", "workers: must be from 0 to 256"),
    ],
)
def test_what_is_refused_of_listeners_and_workers(change: str, by: str, says: str) -> None:
    assert change in L4
    with pytest.raises(ConfigError) as refused:
        read(L4.replace(change, by, 1))
    assert says in str(refused.value)
