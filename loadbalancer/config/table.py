"""Reading a configuration table: typed, complete, and with the key's whole name in every error."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import reprlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from loadbalancer.config.bounds import Range, range_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
S = TypeVar("S", bound="DataclassInstance")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_TYPES: dict[str, type] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "tuple[int, ...]": tuple,
    "tuple[str, ...]": tuple,
}
_EXACT = 2**53
"""Whole numbers up to here are numbers of any kind without loss."""
_ELEMENTS: dict[str, type] = {"tuple[int, ...]": int, "tuple[str, ...]": str}


class ConfigError(Exception):
    """The configuration is refused; the message names the key."""


def why(error: Exception) -> str:
    """What a person has to know of an error that was met while a configuration was read."""
    return str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"


def expand(text: str, environment: dict[str, str], key: str) -> str:
    """Puts variables in: `${ZONE}`, or `${ZONE:-a}` with a default.

    Raises:
        ConfigError: a variable without a default is not set.
    """

    def value(match: re.Match[str]) -> str:
        given = environment.get(match[1]) or match[2]
        if given is None:
            raise ConfigError(f"{key}: the environment has no {match[1]}")
        if not _is_utf8(given):
            raise ConfigError(f"{key}: what the environment has as {match[1]} is not UTF-8")
        return given

    return _VARIABLE.sub(value, text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Table:
    """A table of the file. What is not taken from it is a mistake."""

    def __init__(
        self, content: dict[str, Any], name: str = "", environment: dict[str, str] | None = None
    ) -> None:
        self._left = dict(content)
        self._name = name
        self._environment = dict(os.environ) if environment is None else environment

    def key(self, key: str) -> str:
        """The whole name of a key; of the table itself, if it is empty."""
        return f"{self._name}.{key}".strip(".")

    def has(self, key: str) -> bool:
        """Is there such a key?"""
        return key in self._left

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        """Takes a value.

        Raises:
            ConfigError: it is missing without a default, or of another type.
        """
        if key not in self._left:
            if default is None:
                raise ConfigError(f"{self.key(key)}: missing")
            return default
        value = self._left.pop(key)
        if isinstance(value, str):
            value = expand(value, self._environment, self.key(key))
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value) if abs(value) <= _EXACT else math.inf
        if kind is tuple and isinstance(value, list):
            value = tuple(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigError(f"{self.key(key)}: must be {_says(kind)}, not {reprlib.repr(value)}")
        return value

    def number(self, key: str, wanted: Range, default: float) -> float:
        """Takes a number.

        Raises:
            ConfigError: it is another one than is wanted, or none.
        """
        value = self.take(key, float, default)
        self._check(value, wanted, key)
        return value

    def _check(self, value: float, wanted: Range, key: str) -> None:
        if not wanted.holds(value):
            raise ConfigError(f"{self.key(key)}: {wanted}")

    def table(self, key: str) -> Table:
        """Takes a table; an empty one if there is none."""
        content = self._left.pop(key, {})
        if not isinstance(content, dict):
            raise ConfigError(f"{self.key(key)}: must be a table")
        return Table(content, self.key(key), self._environment)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Takes a table of tables, each with its name.

        Raises:
            ConfigError: it is something else.
        """
        found = self._left.pop(key, {})
        if not isinstance(found, dict):
            raise ConfigError(f"{self.key(key)}: must be a table of tables")
        for name, content in found.items():
            if not isinstance(content, dict):
                raise ConfigError(f"{self.key(key)}.{name}: must be a table")
            yield name, Table(content, f"{self.key(key)}.{name}", self._environment)

    def rows(self, key: str) -> Iterator[Table]:
        """Takes a list of tables.

        Raises:
            ConfigError: it is something else.
        """
        found = self._left.pop(key, [])
        if not isinstance(found, list):
            raise ConfigError(f"{self.key(key)}: must be a list of tables")
        for at, content in enumerate(found):
            if not isinstance(content, dict):
                raise ConfigError(f"{self.key(key)}[{at}]: must be a table")
            yield Table(content, f"{self.key(key)}[{at}]", self._environment)

    def fill(self, like: S) -> S:
        """Takes every field of a settings object that is given here; the others stay as they are.

        Raises:
            ConfigError: a number makes no sense there, or a value is of another type.
        """
        changes: dict[str, Any] = {}
        for one in dataclasses.fields(like):
            kind = _TYPES.get(str(one.type))
            if kind is None or one.name not in self._left:
                continue
            value: object = self.take(one.name, kind)
            changes[one.name] = value
            wanted = _ELEMENTS.get(str(one.type))
            several = self._elements(value)
            if wanted and not all(type(v) is wanted for v in several):
                raise ConfigError(f"{self.key(one.name)}: each must be {_says(wanted)}")
            for number in several or (value,):
                if isinstance(number, (int, float)) and not isinstance(number, bool):
                    self._check(number, range_of(type(like), one.name, kind), one.name)
        return dataclasses.replace(like, **changes)

    @staticmethod
    def _elements(value: object) -> tuple[object, ...]:
        return value if isinstance(value, tuple) else ()

    def end(self) -> None:
        """All was taken that is known.

        Raises:
            ConfigError: there is a key that nobody knows.
        """
        for key in self._left:
            raise ConfigError(f"{self.key(key)}: unknown key")


def _says(kind: type) -> str:
    names: dict[type, str] = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
    }
    return names.get(kind, "a list")
