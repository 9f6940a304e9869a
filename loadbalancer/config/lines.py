"""Which line of a TOML file says a key: `tomllib` keeps no positions, and an error needs one.

Only for text that `tomllib` has accepted, so that nothing has to be judged again here.
"""

from __future__ import annotations

import re

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")


def line_of(text: str, key: str) -> int | None:
    """The line, from 1, of a key such as `pools.orders.dns[1].port`; else of what it belongs to."""
    known = _Scan(text).run()
    while key:
        if key in known:
            return known[key]
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return None


class _Scan:
    """One pass over the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[str, int] = {}
        self._rows: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        """The line of every key."""
        table = ""
        while self._look(_BLANK):
            if self._text.startswith("[[", self._at):
                table = self._array_of_tables()
            elif self._text[self._at] == "[":
                table = self._header(1)
            else:
                self._pair(table)
        return self._lines

    def _look(self, blank: re.Pattern[str]) -> bool:
        """Skips what means nothing; gives whether there is more."""
        match = blank.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at < len(self._text)

    def _header(self, brackets: int) -> str:
        at = self._at
        self._at += brackets
        name = self._key("")
        self._look(_SPACE)
        self._at += brackets
        self._note(name, at)
        return name

    def _array_of_tables(self) -> str:
        at = self._at
        name = self._header(2)
        row = self._rows[name] = self._rows.get(name, -1) + 1
        self._note(f"{name}[{row}]", at)
        return f"{name}[{row}]"

    def _pair(self, table: str) -> None:
        at = self._at
        name = self._key(table)
        self._note(name, at)
        self._at += 1  # the equals sign
        self._value(name)

    def _key(self, name: str) -> str:
        """A key with its dots; afterwards we stand behind it and its spaces."""
        while True:
            self._look(_SPACE)
            match = _STRING.match(self._text, self._at) or _BARE_KEY.match(self._text, self._at)
            part = match[0] if match else ""
            self._at += len(part)
            if name in self._rows:  # [a.b] below [[a]] is in its last row
                name = f"{name}[{self._rows[name]}]"
            part = part.strip("\"'")
            name = f"{name}.{part}" if name else part
            self._look(_SPACE)
            if self._text[self._at : self._at + 1] != ".":
                return name
            self._at += 1

    def _value(self, name: str) -> None:
        self._look(_SPACE)
        opening = self._text[self._at]
        if opening == "[":
            self._at += 1
            self._list(name)
        elif opening == "{":
            self._at += 1
            self._inline(name)
        else:
            match = _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at)
            self._at = match.end() if match else self._at

    def _list(self, name: str) -> None:
        count = 0
        while self._look(_BLANK) and self._text[self._at] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._note(f"{name}[{count}]", self._at)
            self._value(f"{name}[{count}]")
            count += 1
        self._at += 1

    def _inline(self, name: str) -> None:
        while self._look(_BLANK) and self._text[self._at] != "}":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._pair(name)
        self._at += 1

    def _note(self, name: str, at: int) -> None:
        self._lines.setdefault(name, self._text.count("\n", 0, at) + 1)
