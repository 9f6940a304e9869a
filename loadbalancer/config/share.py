"""What one of several workers has of a configuration."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadbalancer.config.config import Config
    from loadbalancer.pools.settings import PoolSettings


def cores(config: Config) -> int:
    """How many workers there are to be; 0 in the configuration: one on each core we may use."""
    return config.workers or _cores()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not on Linux


def share(config: Config) -> Config:
    """One worker's part: what is limited for the whole is divided among the workers."""
    workers = cores(config)
    if workers == 1:
        return config
    pools = [
        dataclasses.replace(pool, settings=_share_pool(pool.settings, workers))
        for pool in config.pools
    ]
    listeners = [
        (
            dataclasses.replace(
                f,
                max_connections=_part(f.max_connections, workers),
                access_log_lines=_part(f.access_log_lines, workers),
            ),
            routes,
        )
        for f, routes in config.listeners
    ]
    return dataclasses.replace(config, pools=tuple(pools), listeners=tuple(listeners))


def _share_pool(settings: PoolSettings, workers: int) -> PoolSettings:
    return dataclasses.replace(
        settings,
        max_requests=_part(settings.max_requests, workers),
        adaptive_least=_part(settings.adaptive_least, workers),
        max_waiting=_part(settings.max_waiting, workers),
        max_connections=_part(settings.max_connections, workers),
        retry=dataclasses.replace(
            settings.retry, budget_min=_part(settings.retry.budget_min, workers)
        ),
    )


def _part(whole: int, workers: int) -> int:
    return -(-whole // workers)
