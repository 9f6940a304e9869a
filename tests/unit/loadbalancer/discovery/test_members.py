"""Files that list instances."""

import pytest

from loadbalancer.config.table import ConfigError
from loadbalancer.discovery.members import Member, read_members

BOTH = (Member("10.0.0.1", 80, "a", 2), Member("::1", 81))


def test_lines() -> None:
    text = "# ours\n10.0.0.1:80 zone=a weight=2\n\n[::1]:81 # v6\n[::1]:81\n"
    assert read_members(text, as_json=False) == BOTH


def test_json() -> None:
    text = '[{"address": "10.0.0.1:80", "zone": "a", "weight": 2}, "[::1]:81"]'
    assert read_members(text, as_json=True) == BOTH


@pytest.mark.parametrize(
    ("text", "as_json", "says"),
    [
        ("", False, "it lists no instance"),
        ("# nobody\n", False, "it lists no instance"),
        ("10.0.0.1:80\nnonsense", False, "line 2: must be host:port"),
        ("10.0.0.1:80 a", False, "line 1: 'a' is neither zone"),
        ("10.0.0.1:80 zoom=a", False, "line 1.zoom: unknown key"),
        ("10.0.0.1:80 weight=0", False, "line 1.weight: must be from 1 to 100"),
        ("10.0.0.1:80 weight=x", False, "line 1.weight: must be a whole number"),
        ("[]", True, "it lists no instance"),
        ("{}", True, "line 1: must be a list"),
        ("[\n1", True, "line 2: Expecting"),
        ("[1]", True, "[0]: must be text or an object"),
        ('[{"zone": "a"}]', True, "[0].address: missing"),
        ('["", "x"]', True, "[0]: must be text or an object"),
    ],
)
def test_what_is_refused(text: str, as_json: bool, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_members(text, as_json=as_json)
    assert says in str(refused.value)
