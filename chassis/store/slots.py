"""Which node of a Redis Cluster has a key. Pure: reads what nodes say, connects to none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

_UNUSABLE = frozenset({"fail", "handshake", "noaddr"})


@dataclass(frozen=True, slots=True)
class Shard:
    """Who has a slot; nodes by `host:port`."""

    primary: str
    replicas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """What one node says of another, a line of CLUSTER NODES."""

    id: str
    address: str
    flags: frozenset[str]
    primary_id: str
    epoch: int
    ranges: tuple[tuple[int, int], ...]


class SlotMap:
    """Who has which slot, going by the answers of several nodes.

    Nodes may differ: one that was cut off still believes in what was. Of two that claim a slot,
    the one with the higher configuration epoch has it, as in the cluster itself.
    """

    def __init__(self, answers: Mapping[str, str]) -> None:
        """`answers`: of each node asked, by the address asked at, its CLUSTER NODES."""
        lines = [_line(text, asked) for asked, a in answers.items() for text in a.splitlines()]
        address = {line.id: line.address for line in lines}
        replicas: dict[str, set[str]] = {}
        for line in lines:
            if "slave" in line.flags and not line.flags & _UNUSABLE:
                replicas.setdefault(line.primary_id, set()).add(line.address)

        self._slots: list[Shard | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for line in sorted(lines, key=lambda line: line.epoch):
            others = replicas.get(line.id, set()) - {address[line.id]}
            shard = Shard(address[line.id], tuple(sorted(others)))
            for first, last in line.ranges:
                self._slots[first : last + 1] = [shard] * (last + 1 - first)
        self.nodes = frozenset(a for a in address.values() if a)
        self.primaries = frozenset(shard.primary for shard in self._slots if shard)

    def shard(self, key: str) -> Shard | None:
        """Who has the key; None if nobody is known to."""
        return self._slots[key_slot(key.encode())]


def _line(text: str, asked: str) -> _Line:
    """Reads `id ip:port@bus[,hostname] flags primary ping pong epoch link slot slot-slot ...`."""
    node_id, where, flags, primary_id, _, _, epoch, _, *slots = text.split()
    address, _, names = where.partition(",")
    ip, _, port = address.partition("@")[0].rpartition(":")
    host = names.partition(",")[0] or ip
    ranges = [slot.partition("-") for slot in slots if not slot.startswith("[")]  # [: on the move
    return _Line(
        node_id,
        f"{host}:{port}" if host else asked if "myself" in flags else "",
        frozenset(flags.split(",")),
        primary_id,
        int(epoch),
        tuple((int(first), int(last or first)) for first, _, last in ranges),
    )
