"""What is asked of each peer."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.bench.peers import HTTP, TCP, Peer


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load. Its requests are in conf/SCRIPT.lua."""

    name: str
    title: str
    script: str
    connections: int = 64
    idle: int = 0
    """Connections beside those of the load, on which nothing is asked any more."""
    peers: tuple[Peer, ...] = HTTP


SCENARIOS = (
    Scenario("small", "small answers, short headers", "small"),
    Scenario("browser", "small answers, a browser's headers, no two alike", "browser"),
    Scenario("large", "answers of 1 MiB", "large"),
    Scenario("upload", "requests of 1 MiB", "upload"),
    Scenario("idle", "small answers beside 1,000 idle connections", "small", idle=1000),
    Scenario("c512", "small answers on 512 connections", "small", connections=512),
    Scenario("l4", "bytes passed on (L4)", "small", peers=TCP),
)
