"""How a process learns which instance it is, with replicas that all share one environment."""

from __future__ import annotations

import os
import re
import socket


def instance_from_hostname(hostname: str, service: str, zone: str) -> str | None:
    """Finds `orders-a-1` in `holdfast-orders-a-1.holdfast-inside`, the name Docker's DNS gives.

    >>> instance_from_hostname("holdfast-orders-a-2.holdfast-inside", "orders", "a")
    'orders-a-2'
    """
    match = re.search(rf"(?:^|[-_])({re.escape(service)}-{re.escape(zone)}-\d+)(?:\.|$)", hostname)
    return match[1] if match else None


def instance_name(service: str, zone: str) -> str:
    """INSTANCE from the environment, else by own address's name, else the first of its zone."""
    given = os.environ.get("INSTANCE")
    if given:
        return given
    try:
        own_address = socket.gethostbyname(socket.gethostname())
        found = instance_from_hostname(socket.gethostbyaddr(own_address)[0], service, zone)
    except OSError:
        found = None
    return found or f"{service}-{zone}-1"
