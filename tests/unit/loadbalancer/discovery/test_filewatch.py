"""Files of instances: whatever one says, who is known stays until it is good."""

from pathlib import Path
from typing import Any

import pytest

from loadbalancer.discovery.filewatch import FileWatch
from loadbalancer.discovery.members import Member


class Watched:
    def __init__(self, file: Path) -> None:
        self.heard: list[tuple[Member, ...]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.watch = FileWatch(lambda event, **fields: self.told.append((event, fields)))
        self.watch.watch({file: [self.heard.append]})


@pytest.mark.parametrize(
    ("name", "bad", "says"),
    [
        ("m.txt", "h:1 weight=" + "9" * 5_000, "line 1.weight: must be a whole number, not '99"),
        ("m.txt", "h:1 weight=²", "line 1.weight: must be a whole number"),
        ("m.txt", "h:" + "9" * 5_000, "line 1: must be host:port"),
        ("m.txt", "a..b:80", "line 1: 'a..b' is no host name"),
        ("m.json", '[{"address": "h:1", "weight": ' + "9" * 5_000 + "}]", "ValueError: "),
        ("m.json", "[" * 100_000, "RecursionError: "),
        ("m.json", '[{"address": 5}]', "[0].address: must be text"),
        ("m.txt", "\0:80", "is no host name"),
    ],
)
def test_a_bad_one_changes_nothing(tmp_path: Path, name: str, bad: str, says: str) -> None:
    file = tmp_path / name
    file.write_text('["h:1"]' if name.endswith("json") else "h:1")
    watched = Watched(file)
    assert watched.heard == [(Member("h", 1),)]
    file.write_text(bad)
    watched.watch.look()
    [(event, fields)] = watched.told
    assert event == "instances file refused"
    assert says in fields["reason"]
    assert len(fields["reason"]) < 200
    assert len(watched.heard) == 1


def test_a_name_that_no_file_can_have_is_told(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "a\0b")
    watched.watch.look()
    [(event, fields)] = watched.told
    assert event == "instances file refused"
    assert "null" in fields["reason"]
