"""How the body of an answer is framed towards a caller, which need not be how it came."""

from __future__ import annotations

from typing import Final

from loadbalancer.wire.body import Body, ChunkedBody, LengthBody, UntilClose
from loadbalancer.wire.fields import Lines
from loadbalancer.wire.limits import Limits
from loadbalancer.wire.response import ResponseHead


class Framing:
    """The way of one answer's body.

    Attributes:
        body: reads it; None if there is none.
        chunked: the caller gets chunks.
        wraps: the chunks have to be made here, around what comes without a length.
        by_close: only closing the connection tells the caller that it is complete.
    """

    __slots__ = ("body", "by_close", "chunked", "wraps")

    def __init__(self, body: Body | None, *, chunked: bool, wraps: bool, by_close: bool) -> None:
        self.body = body
        self.chunked = chunked
        self.wraps = wraps
        self.by_close = by_close

    def write(self, piece: bytes) -> bytes:
        """A piece of the body as the caller gets it."""
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self.wraps and piece else piece

    @property
    def end(self) -> bytes:
        """What the caller gets after the last piece of a body that had no length."""
        return b"0\r\n\r\n" if self.wraps else b""


_WHOLE: Final = Framing(None, chunked=False, wraps=False, by_close=False)


def framing(head: ResponseHead, minor: int, limits: Limits, lines: Lines) -> Framing:
    """Decides for an answer to a caller of HTTP/1.`minor`: HTTP/1.0 knows no chunks."""
    modern = minor == 1
    if head.bodyless or head.length == 0:
        return _WHOLE  # without the coding that it might have had: some would wait for its chunks
    if head.length is not None:
        return Framing(LengthBody(head.length), chunked=False, wraps=False, by_close=False)
    body: Body = ChunkedBody(limits, lines, decode=not modern) if head.chunked else UntilClose()
    return Framing(body, chunked=modern, wraps=modern and not head.chunked, by_close=not modern)
