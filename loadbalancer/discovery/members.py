"""The instances of a pool as a configuration or a file of its own lists them."""

from __future__ import annotations

import json
import reprlib
from dataclasses import dataclass

from loadbalancer.config.table import ConfigError, Table
from loadbalancer.config.texts import address, joined, word

MOST_WEIGHT = 100
"""A whole round is worked out in advance."""
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Member:
    """An instance by address, or all instances behind a name."""

    host: str
    port: int
    zone: str = ""
    weight: int = 1

    @property
    def source(self) -> str:
        """Under which a pool knows that it was listed."""
        return joined(self.host, self.port)


def member(row: Table, host: str, port: int) -> Member:
    """Reads what is left of a row: `zone` and `weight`.

    Raises:
        ConfigError: with the key.
    """
    weight = row.take("weight", int, 1)
    check_weight(weight, row.key("weight"))
    made = Member(host, port, word(row.take("zone", str, ""), row.key("zone")), weight)
    row.end()
    return made


def check_weight(weight: int, key: str) -> None:
    """Weights are whole numbers from 1 to 100.

    Raises:
        ConfigError: it is something else.
    """
    if not 0 < weight <= MOST_WEIGHT:
        raise ConfigError(f"{key}: must be from 1 to {MOST_WEIGHT}")


def read_members(text: str, *, as_json: bool) -> tuple[Member, ...]:
    """The instances that a file lists.

    As text, one a line: `10.0.0.1:8000 zone=a weight=2`, where zone and weight may be missing and
    a `#` begins a comment. As JSON: a list of such lines, or of objects with `address`, `zone` and
    `weight`.

    Raises:
        ConfigError: with the line or the place in the list, or when nobody is listed.
    """
    found = _from_json(text) if as_json else _from_lines(text)
    if not found:
        raise ConfigError("it lists no instance")
    return tuple(dict.fromkeys(found))


def _from_lines(text: str) -> list[Member]:
    lines = ((n, line.partition("#")[0].strip()) for n, line in enumerate(text.splitlines(), 1))
    return [_from_line(line, f"line {n}") for n, line in lines if line]


def _from_line(line: str, where: str) -> Member:
    first, *rest = line.split()
    content: dict[str, object] = {}
    for said in rest:
        key, equals, value = said.partition("=")
        number = key == "weight" and value.isdecimal() and len(value) <= _MOST_DIGITS
        content[key] = int(value) if number else value
        if not equals:
            raise ConfigError(f"{where}: {reprlib.repr(said)} is neither zone=… nor weight=…")
    return member(Table(content, where, {}), *address(first, where))


def _from_json(text: str) -> list[Member]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"line {error.lineno}: {error.msg}") from None
    if not isinstance(content, list):
        raise ConfigError("line 1: must be a list")
    return [_from_item(item, f"[{at}]") for at, item in enumerate(content)]


def _from_item(item: object, where: str) -> Member:
    if isinstance(item, str) and item.strip():
        return _from_line(item, where)
    if not isinstance(item, dict):
        raise ConfigError(f"{where}: must be text or an object")
    row = Table(item, where, {})
    return member(row, *address(row.take("address", str), row.key("address")))
