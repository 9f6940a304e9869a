"""What a client can see of the invariants; and when one does not hold, what each hop knew of it."""

from __future__ import annotations

from tests.cluster.buyers import Edges, Tally, undecided
from tests.cluster.conftest import PROJECT, docker

_SHOWN = 5
_TRACED = 2


async def check(edges: Edges, tally: Tally) -> None:
    """Nothing failed, nothing is lost, nothing was done twice, and every order is decided."""
    assert len(tally.acknowledged) > 20, "too few orders to say anything"
    assert not tally.failures, _told(tally)
    assert len(set(tally.keys.values())) == len(tally.keys), "two keys share an order"
    assert len(set(tally.seats)) == len(tally.seats), "a seat was sold twice"
    assert await undecided(edges, tally) == {}


def _told(tally: Tally) -> str:
    """The first failures, and the way of the very first ones through the cluster."""
    lines = [f"{len(tally.failures)} of {tally.requests}:", *tally.failures[:_SHOWN]]
    for request_id in tally.failed_ids[:_TRACED]:
        lines += hops(request_id)
    return "\n".join(lines)


def hops(request_id: str) -> list[str]:
    """Every line that any instance logged about a request."""
    names = docker(
        "ps", "-a", "--filter", f"label=com.docker.compose.project={PROJECT}",
        "--format", "{{.Names}}",
    ).split()  # fmt: skip
    logged = [line for name in names for line in docker("logs", name).splitlines()]
    return [line for line in logged if f'"{request_id}"' in line]
