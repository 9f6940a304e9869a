"""What can be set for a listener."""

from __future__ import annotations

from dataclasses import dataclass

from loadbalancer.listeners.tls import TlsSettings


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """What can be set for a listener. Times in seconds."""

    name: str
    host: str = "127.0.0.1"
    port: int = 8080
    mode: str = "http"
    """`http`, or `tcp`: connections are passed on as they are."""
    proxy_from: tuple[str, ...] = ()
    """Networks whose connections begin by saying who the caller is (PROXY protocol version 2)."""
    tls: TlsSettings | None = None
    trusted: tuple[str, ...] = ()
    """Networks whose callers say truly who asked before them (X-Forwarded-For and its kin, RFC
    7239), such as 10.0.0.0/8; of others that is replaced. `true`: everybody."""
    idle: float = 60.0
    """Between requests; the chassis' mesh client closes after 30 s, browsers after 60 and more."""
    head: float = 10.0
    """From the first byte of a head to its last; beyond: 408."""
    body_idle: float = 10.0
    """Without a byte of a request's body; beyond: 408."""
    body_total: float = 60.0
    """For the whole of a request's body; beyond: 408."""
    tunnel_idle: float = 3600.0
    """Without a byte either way: of an upgraded connection, or of any in mode tcp."""
    upgrades: tuple[str, ...] = ("websocket",)
    """Protocols that may take over a connection. `h2c` would carry requests past every rule."""
    max_connections: int = 10_000
    access_log_sample: float = 0.0
    """Share of answers to log; those of the 5xx class always are, if it is above 0."""
    access_log_lines: int = 1_000
    """A second at most: in a storm of errors, writing about each would be one more burden."""
