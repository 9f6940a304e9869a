"""How much of everything is taken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes. For heads, HAProxy allows 16 KiB too, and nginx 32."""

    head: int = 16_384
    """From the first byte of the start line to the empty line; beyond: 431."""
    start_line: int = 8_192
    """Of a request line, most of it the target; beyond: 414."""
    fields: int = 100
    """Number of field lines; beyond: 431."""
    body: int = 16 * 1_048_576
    """Payload of a request, without the framing of chunks; beyond: 413. Answers have no limit."""
    chunk_line: int = 1_024
    """A chunk's size with its extensions; beyond: 400."""


DEFAULT = Limits()
