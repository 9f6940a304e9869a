"""Texts that have a form: addresses, names, paths."""

from __future__ import annotations

import re
import reprlib
from pathlib import Path

from loadbalancer.config.table import ConfigError

_MOST_PORT = 65_535
_MOST_DIGITS = len(str(_MOST_PORT))
_SHORTEST_SECRET = 16
_WORD = re.compile(r"[A-Za-z0-9._:/@+~-]*").fullmatch
_PATH = re.compile(r"/[!-~]*").fullmatch
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_VISIBLE = re.compile(r"[!-~]*").fullmatch


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


def joined(host: str, port: int) -> str:
    """`host:port`, with an address of IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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


def port(number: int, key: str) -> int:
    """A port.

    Raises:
        ConfigError: there is none of that number.
    """
    if not 0 < number <= _MOST_PORT:
        raise ConfigError(f"{key}: must be from 1 to {_MOST_PORT}")
    return number


def word(text: str, key: str) -> str:
    """A name that can stand in any header and label.

    Raises:
        ConfigError: it cannot.
    """
    if not _WORD(text):
        raise ConfigError(f"{key}: must be ASCII letters, digits and . _ : / @ + ~ -, "
                          f"not {reprlib.repr(text)}")  # fmt: skip
    return text


def target(text: str, key: str) -> str:
    """What can be asked for: a path, perhaps with a query.

    Raises:
        ConfigError: it cannot.
    """
    if not text.startswith("/"):
        raise ConfigError(f"{key}: must begin with a slash")
    if not _PATH(text) or "#" in text:
        raise ConfigError(f"{key}: must be visible ASCII without #, not {reprlib.repr(text)}")
    return text


def token(text: str, key: str) -> str:
    """A token of RFC 9110, such as a protocol's name.

    Raises:
        ConfigError: it is none.
    """
    if not _TOKEN(text):
        raise ConfigError(f"{key}: {reprlib.repr(text)} is no token (RFC 9110, section 5.6.2)")
    return text


def secret(text: str, key: str) -> str:
    """Something that nobody guesses, and that goes into a header.

    Raises:
        ConfigError: it is too short, or does not.
    """
    if len(text) < _SHORTEST_SECRET:
        raise ConfigError(f"{key}: must have {_SHORTEST_SECRET} characters or more")
    if not _VISIBLE(text):
        raise ConfigError(f"{key}: must be visible ASCII")
    return text
