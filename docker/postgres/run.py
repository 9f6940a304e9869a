"""Patroni, which looks up where a member is each time it calls one.

By itself it keeps every address for ten minutes. Those of etcd it forgets when nobody answers
there, those of its members it does not: one that came back with another address was called at the
old one, by then perhaps somebody else's. It could not be switched over to, and could not bear the
primary out while etcd was away.

A name that is not known costs a second here (`dns_opt` in compose.yaml), as long as half a call.
"""

from __future__ import annotations

import socket
from typing import Any

from patroni.__main__ import main
from patroni.dcs.etcd import DnsCachingResolver

MEMBERS_PORT = 8008  # restapi in patroni.yaml

_kept = DnsCachingResolver.resolve


def resolve(resolver: DnsCachingResolver, host: str, port: int) -> list[Any]:
    """Addresses as `socket.getaddrinfo` gives them, none if the name is not known."""
    if port != MEMBERS_PORT:
        return list(_kept(resolver, host, port))
    try:
        # Only IPv4, which is all that the network has: to be told no twice costs twice as much.
        return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []


if __name__ == "__main__":
    DnsCachingResolver.resolve = resolve
    main()
