"""The README names every setting, every metric and every command; and its example is good."""

import dataclasses
import re
from pathlib import Path

import pytest

import loadbalancer
from loadbalancer.config.config import read
from loadbalancer.config.share import share
from loadbalancer.datapath.settings import FrontSettings
from loadbalancer.listeners.tls import TlsSettings
from loadbalancer.observe import admin, report
from loadbalancer.pools.settings import (
    CheckSettings,
    EjectSettings,
    PoolSettings,
    RetrySettings,
)
from loadbalancer.wire.limits import Limits

README = (Path(loadbalancer.__file__).parent / "README.md").read_text()


@pytest.mark.parametrize(
    "settings",
    [FrontSettings, PoolSettings, CheckSettings, EjectSettings, RetrySettings, TlsSettings, Limits],
)
def test_every_setting_is_named(settings: type) -> None:
    words = set(re.findall(r"[a-z_]+", README))
    names = {field.name for field in dataclasses.fields(settings)} - {"name", "host", "port"}
    assert not names - words


def test_every_metric_is_named() -> None:
    source = Path(report.__file__).read_text()
    names = set(re.findall(r'"((?:pool|instance)_[a-z_]+)", "', source))
    names |= set(re.findall(r"TYPE balancer_([a-z_]+) ", source))
    assert len(names) > 15
    for name in names:
        kind, _, rest = name.partition("_")
        assert f"balancer_{name}" in README or f"…_{rest}" in README, (kind, name)


def test_every_command_is_named() -> None:
    assert admin.__doc__
    for path in re.findall(r"(?:GET|POST) +(/\S+)", admin.__doc__):
        assert path in README


def test_the_example_is_good() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    config = read(example, Path("balancer.toml"), {"ADMIN_TOKEN": "x" * 16})
    assert {front.mode for front, _ in share(config).listeners} == {"http", "tcp"}
