"""Which instance this process is, where several share one environment."""

from __future__ import annotations

import re
import socket


def find_instance(service: str, zone: str) -> str:
    """`balancer-a-1`: by the name that the network gives our address, else the first of a zone."""
    first = f"{service}-{zone}-1" if zone else f"{service}-1"
    try:
        address = socket.gethostbyname(socket.gethostname())
        return instance_in(socket.gethostbyaddr(address)[0], service, zone) or first
    except OSError:
        return first


def instance_in(hostname: str, service: str, zone: str) -> str | None:
    """Finds the instance in a container's host name.

    >>> instance_in("holdfast-balancer-a-2.holdfast-inside", "balancer", "a")
    'balancer-a-2'
    """
    wanted = rf"(?:^|[-_])({re.escape(service)}-{re.escape(zone)}-\d+)(?:\.|$)"
    match = re.search(wanted, hostname)
    return match[1] if match else None
