"""What waits on a connection: bytes in their order, whatever pieces they came in."""

import random

from loadbalancer.datapath.backlog import Backlog


def test_bytes_come_out_in_their_order_in_small_pieces() -> None:
    chance, backlog, given, taken = random.Random(1), Backlog(), b"", b""
    for _ in range(200):
        data = chance.randbytes(chance.randrange(1, 60_000))
        backlog.add(data)
        given += data
        for _ in range(chance.randrange(4)):
            piece = backlog.take()
            assert len(piece) <= 16_384
            half = chance.randrange(len(piece) + 1)
            taken += piece[:half]
            backlog.put_back(piece[half:])
        assert backlog.size == len(given) - len(taken)
    assert taken + backlog.take_all() == given
    assert backlog.size == 0
    assert backlog.take() == b""
