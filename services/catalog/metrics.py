"""What catalog counts of itself."""

from __future__ import annotations

from prometheus_client import Counter

CACHE = Counter(
    "catalog_cache",
    "answers and loads by where they came from: near (own memory), shared (Redis), source"
    " (Postgres), old (the source was away)",
    ["origin"],
)
