"""The line of a key, in every form in which TOML can write it."""

import tomllib

import pytest

from loadbalancer.config.lines import line_of

TEXT = '''# a comment with [brackets] = "x"
zone = "a"  # and more
"quoted key" = 1
a.b.c = 2

[pools.orders]
dns = [
  {name = "a # no comment", port = 1},
  # {name = "b"}
  {name = 'b]', port = 2, check = {x = [1, 2], y = 3}},
]
text = """
[not.a.table]
x = 1
"""
check.path = "/x"
when = 1979-05-27T07:32:00Z
[listeners."l.1"]
routes = [{pool = "p"},
  {pool = "q", path = "/"}]
[[rows]]
x = 1
[[rows]]
x = 2
[rows.sub]
y = 3
[last]
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("zone", 2), ("quoted key", 3), ("a.b.c", 4), ("pools.orders", 6), ("pools.orders.dns", 7),
        ("pools.orders.dns[0].name", 8), ("pools.orders.dns[1]", 10),
        ("pools.orders.dns[1].check.x[1]", 10), ("pools.orders.dns[1].check.y", 10),
        ("pools.orders.text", 12), ("pools.orders.check.path", 16), ("pools.orders.when", 17),
        ("listeners.l.1.routes[0].pool", 19), ("listeners.l.1.routes[1].path", 20),
        ("rows[0].x", 22), ("rows[1].x", 24), ("rows[1].sub.y", 26), ("last", 27),
    ],
)  # fmt: skip
def test_the_line_of_a_key(key: str, line: int) -> None:
    tomllib.loads(TEXT)
    assert line_of(TEXT, key) == line


def test_what_is_missing_stands_where_it_belongs() -> None:
    assert line_of(TEXT, "pools.orders.dns[1].nothing") == 10
    assert line_of(TEXT, "pools.nothing.at.all") is None
    assert line_of("", "x") is None
