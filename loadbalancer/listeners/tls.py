"""TLS at a listener: off unless there is a certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from loadbalancer.config.table import ConfigError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only (Mozilla's `intermediate`,
without DHE). TLS 1.3 has no others."""
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What can be set for TLS."""

    certificate: str
    """A file in PEM: the listener's certificate, then those in between."""
    key: str
    """A file in PEM, without a password."""
    handshake: float = 10.0
    """Seconds for a handshake."""
    least: str = "1.2"
    """The oldest version that is spoken: 1.2 or 1.3."""


def context_for(settings: TlsSettings, key: str) -> ssl.SSLContext:
    """Reads certificate and key.

    Raises:
        ConfigError: they cannot be read, or do not belong together; `key` is named.
    """
    if settings.least not in _VERSIONS:
        raise ConfigError(f"{key}.least: must be one of {', '.join(_VERSIONS)}")
    for name in ("certificate", "key"):
        file = Path(getattr(settings, name))
        try:
            file.read_bytes()
        except OSError as error:
            raise ConfigError(f"{key}.{name}: {file}: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.least]
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=_no_password)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        why = getattr(error, "reason", None) or str(error)
        raise ConfigError(f"{key}.certificate: not good with its key: {why}") from error
    return context


def _no_password() -> str:
    raise ValueError("the key has a password")


def stamp(settings: TlsSettings) -> Stamp | None:
    """Changes when a file does; None while one is away."""
    try:
        found = [Path(name).stat() for name in (settings.certificate, settings.key)]
    except OSError:
        return None
    return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)
