"""New cases out of old ones: what fuzzers do, knowing what an HTTP message is made of."""

import random

SPLINTERS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\x00", b"\x0b", b"\x85", b":", b": ", b",", b";", b'"', b"0", b"5",
    b"-", b"+", b"0x", b"%0d%0a", b"chunked", b"identity", b"Content-Length: 0", b"Content-Length: 6",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding:chunked", b"Host: victim", b"Connection: close",
    b"HTTP/1.0", b"HTTP/1.1", b"0\r\n\r\n", b"5\r\nhello\r\n", b"GET /smuggled HTTP/1.1\r\nHost: victim\r\n\r\n",
    b"Content_Length: 5", b"Expect: 100-continue", b"Upgrade: h2c", b"\xff", b"\x7f",
)  # fmt: skip


def mutate(chance: random.Random, corpus: list[bytes], most: int = 6_000) -> bytes:
    """One to four changes to a case: bytes, splinters, lines, or another case's end."""
    raw = chance.choice(corpus)
    for _ in range(chance.randint(1, 4)):
        raw = _change(chance, raw, corpus) or b"\r\n"
    return raw[:most]


def _change(chance: random.Random, raw: bytes, corpus: list[bytes]) -> bytes:
    at = chance.randrange(len(raw))
    kind = chance.randrange(7)
    if kind == 0:
        return raw[:at] + chance.choice(SPLINTERS) + raw[at:]
    if kind == 1:
        return raw[:at] + raw[at + chance.randint(1, 6) :]
    if kind == 2:
        return raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
    if kind == 3:
        other = chance.choice(corpus)
        return raw[:at] + other[chance.randrange(len(other)) :]
    lines = raw.split(b"\r\n")
    here, there = chance.randrange(len(lines)), chance.randrange(len(lines))
    if kind == 4:
        lines[here], lines[there] = lines[there], lines[here]
    elif kind == 5:
        lines.insert(there, lines[here])
    else:
        lines[here] = lines[here].swapcase()
    return b"\r\n".join(lines)
