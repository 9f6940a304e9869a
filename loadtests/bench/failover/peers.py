"""Who is put to the test, at defaults and at best; the configurations are in conf/."""

from __future__ import annotations

import sys
from pathlib import Path

from loadtests.bench.peers import OURS, Peer

CONF = Path(__file__).with_name("conf")


def _haproxy(name: str, port: int) -> Peer:
    return Peer(name, port, ("haproxy", "-db", "-f", str(CONF / f"{name}.cfg")))


def _nginx(name: str, port: int) -> Peer:
    return Peer(name, port, ("nginx", "-c", str(CONF / f"{name}.conf"), "-e", "stderr"))


def _envoy(name: str, port: int) -> Peer:
    return Peer(name, port, ("envoy", "-c", str(CONF / f"{name}.yaml"), "--concurrency", "1",
                             "--disable-hot-restart", "--log-level", "error"))  # fmt: skip


PEERS = (
    _haproxy("haproxy-default", 8021),
    _haproxy("haproxy-best", 8022),
    _nginx("nginx-default", 8023),
    _nginx("nginx-best", 8024),
    _envoy("envoy-default", 8025),
    _envoy("envoy-best", 8026),
    Peer(
        OURS, 8027, (sys.executable, "-m", "loadbalancer", "--config", str(CONF / "holdfast.toml"))
    ),
)
