"""The cluster's own balancer.toml: what it says of pools that are not like the others."""

from pathlib import Path

from loadbalancer.config.config import load

FILE = Path(__file__).parents[3] / "docker" / "balancer.toml"


def test_a_charge_that_was_sent_is_for_payments_to_try_again() -> None:
    config = load(FILE, {"ZONE": "a", "ADMIN_TOKEN": "x" * 32, "INSTANCE": "balancer-a-1"})
    retry = next(p.settings for p in config.pools if p.settings.name == "acquirer").retry
    assert (retry.tries, retry.errors, retry.hedge) == (1, False, False)
