"""Texts that have a form: addresses, host names, names of files."""

from __future__ import annotations

import reprlib
from pathlib import Path

from loadbalancer.config.table import ConfigError

_MOST_PORT = 65_535
_MOST_DIGITS = len(str(_MOST_PORT))


def address(text: str, key: str) -> tuple[str, int]:
    """Host and port of `host:port`.

    Raises:
        ConfigError: it is something else.
    """
    host, colon, port = text.rpartition(":")
    digits = port.isascii() and port.isdigit() and len(port) <= _MOST_DIGITS
    if not colon or not host or not digits or not 0 < int(port) <= _MOST_PORT:
        raise ConfigError(f"{key}: must be host:port, not {reprlib.repr(text)}")
    return host_name(host.strip("[]"), key), int(port)


def host_name(text: str, key: str) -> str:
    """A name or an address that can be asked for.

    Raises:
        ConfigError: it cannot.
    """
    try:
        text.encode("idna")
    except UnicodeError:
        good = False
    else:
        good = bool(text) and text.isprintable() and " " not in text
    if not good:
        raise ConfigError(f"{key}: {reprlib.repr(text)} is no host name and no address")
    return text


def file_name(base: Path, text: str, key: str) -> Path:
    """A file, which is looked for in `base`.

    Raises:
        ConfigError: nothing can be called so.
    """
    if not text.isprintable():
        raise ConfigError(f"{key}: {reprlib.repr(text)} is no name of a file")
    return base / text
