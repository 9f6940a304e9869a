"""How the picture looks: a pure function of it and of the room there is."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from loadtests.watch.model import InstanceRow, Picture, PoolRow
from loadtests.watch.seen import Gone, PostgresSeen, RedisMember, RedisSeen

_STYLES = {
    "up": ("●", "green"),
    "draining": ("◌", "cyan"),
    "failing": ("◐", "yellow"),
    "ejected": ("◍", "magenta"),
    "gone": ("✖", "red"),
}
_OTHER = ("?", "red")
_PANEL_LINES = 10
_FRAME_LINES = 4
_SLOW_MS = 1000
_BREAKERS_SHOWN = 4
_GROUPS_SHOWN = 8


def view(picture: Picture, height: int) -> RenderableType:
    """Everything, in `height` lines: pools that are all well fold up when there is no room."""
    room = height - _PANEL_LINES - _FRAME_LINES
    return Group(_title(picture), Text(), _pools(picture.pools, room), Text(), _panels(picture))


def _title(picture: Picture) -> Text:
    line = Text.assemble(("holdfast", "bold"), f"  {picture.region}   ")
    line.no_wrap, line.overflow = True, "ellipsis"
    for balancer in picture.balancers:
        state = f"up {_span(balancer.uptime_s)}" if balancer.up else f"gone: {balancer.reason}"
        sign, style = _STYLES["up" if balancer.up else "gone"]
        line.append(f"{sign} ", style)
        line.append(f"{balancer.name} ", "bold")
        line.append(f"{state}   ", "dim" if balancer.up else style)
    return line


def _pools(pools: tuple[PoolRow, ...], room: int) -> RenderableType:
    if not pools:
        return Text("no balancer answers, so nothing is known of the pools", style="bold red")
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim", padding=(0, 1))
    table.add_column("pool", no_wrap=True, min_width=19)
    table.add_column("zone", justify="center", no_wrap=True)
    table.add_column("state", ratio=1, no_wrap=True, overflow="ellipsis")
    for name, width in (("req/s", 7), ("busy", 4), ("err 1m", 6), ("retry 1m", 8), ("p99", 7)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    unfolded = _unfolded(pools, room)
    for pool in pools:
        _add_pool(table, pool)
        if pool.name in unfolded:
            for instance in pool.instances:
                _add_instance(table, instance)
    return table


def _unfolded(pools: tuple[PoolRow, ...], room: int) -> set[str]:
    """Which pools show their instances: those in trouble always, the others while there is room."""
    left = room - len(pools)
    chosen = set()
    for pool in sorted(pools, key=lambda p: p.up == len(p.instances)):
        left -= len(pool.instances)
        if left >= 0 or pool.up < len(pool.instances):
            chosen.add(pool.name)
    return chosen


def _add_pool(table: Table, pool: PoolRow) -> None:
    size = len(pool.instances)
    style = "green" if pool.up == size else "yellow" if pool.up else "bold red"
    state = Text.assemble((f"{pool.up} of {size} up", style), (f"  {pool.policy}", "dim"))
    if pool.panic:
        state.append("  panic: uses all", "bold red")
    table.add_row(
        Text(pool.name, style="bold"),
        "",
        state,
        *_numbers(pool.rps, pool.in_flight, pool.errors, pool.retries, pool.p99_ms),
    )


def _add_instance(table: Table, one: InstanceRow) -> None:
    sign, style = _STYLES.get(one.state, _OTHER)
    state = Text.assemble((f"{sign} {one.state}", style), (f"  {one.reason}", "dim"))
    table.add_row(
        Text(f"  {one.name}", style="dim" if one.state == "gone" else ""),
        one.zone,
        state,
        *_numbers(one.rps, one.in_flight, one.errors, one.retries, one.p99_ms),
    )


def _numbers(rps: float, busy: int, errors: int, retries: int, p99_ms: float) -> list[Text]:
    return [
        Text(f"{rps:.1f}", style="" if rps else "dim"),
        Text(str(busy), style="" if busy else "dim"),
        Text(str(errors), style="bold red" if errors else "dim"),
        Text(str(retries), style="yellow" if retries else "dim"),
        Text(_milliseconds(p99_ms), style="yellow" if p99_ms >= _SLOW_MS else ""),
    ]


def _panels(picture: Picture) -> Table:
    table = Table.grid(expand=True)
    for _ in range(3):
        table.add_column(ratio=1)
    table.add_row(
        _panel("Kafka", _kafka(picture)),
        _panel("Redis", _redis(picture.redis)),
        _panel("Postgres, breakers", [*_postgres(picture), *_breakers(picture)]),
    )
    return table


def _panel(title: str, lines: Iterable[Text]) -> Panel:
    return Panel(
        Group(*lines), title=title, title_align="left", border_style="dim", height=_PANEL_LINES
    )


def _kafka(picture: Picture) -> list[Text]:
    kafka = picture.kafka
    if isinstance(kafka, Gone):
        return [_gone("no word", kafka.reason)]
    alive = Text()
    for broker in picture.seen.brokers:
        sign, style = _STYLES["up" if broker in kafka.brokers else "gone"]
        alive.append(f"{sign} ", style).append(f"{broker.removeprefix('kafka-')}  ")
    alive.append("brokers", "dim")
    dead = Text(f"{kafka.dead_letters} dead letters", "red" if kafka.dead_letters else "dim")
    waiting = sorted(kafka.lag.items(), key=lambda item: (item[1] == 0, item[0]))
    words = [f"{group} {count}" for group, count in waiting[:_GROUPS_SHOWN]]
    more = f" of {len(waiting)} groups" if len(waiting) > _GROUPS_SHOWN else ""
    lines = [alive, Text(f"lag{more}", style="dim")]
    for pair in range(0, len(words), 2):
        line = Text()
        for word in words[pair : pair + 2]:
            line.append(f"{word:<16}", "" if word.endswith(" 0") else "yellow")
        lines.append(line)
    return [*lines, dead]


def _redis(redis: RedisSeen | Gone) -> list[Text]:
    if isinstance(redis, Gone):
        return [_gone("no word", redis.reason)]
    state = Text.assemble("cluster ", (redis.state, "green" if redis.state == "ok" else "bold red"))
    lines = [state]
    primaries = [m for m in redis.members if m.primary and m.slots]
    for primary in sorted(primaries, key=lambda m: m.name):
        line = Text.assemble(_member(primary), ("  primary", "dim"))
        lines.append(line)
        lines += [
            Text.assemble("  ", _member(m), ("  replica", "dim"))
            for m in sorted(redis.members, key=lambda m: m.name)
            if m.follows == primary.name
        ]
    idle = [m for m in redis.members if m.primary and not m.slots]
    lines += [Text.assemble(_member(m), ("  no slots", "dim")) for m in idle]
    return lines


def _member(member: RedisMember) -> Text:
    sign, style = _STYLES["up" if member.well else "gone"]
    return Text.assemble((f"{sign} ", style), member.name.removeprefix("redis-"))


def _postgres(picture: Picture) -> list[Text]:
    lines = []
    servers = picture.seen.postgres
    waited_for = "".join(s.waits_for for s in servers.values() if isinstance(s, PostgresSeen))
    for server, seen in servers.items():
        if isinstance(seen, PostgresSeen):
            # (A member is a server's instance: postgres-b-1 of postgres-b.)
            role = f"{seen.role}, synchronous" if f'"{server}-' in waited_for else seen.role
            lines.append(Text.assemble(("● ", "green"), _short(server), (f"  {role}", "dim")))
        else:
            lines.append(_gone(_short(server), seen.reason))
    return [*lines, Text()] if lines else []


def _short(server: str) -> str:
    return server.removeprefix("postgres-")


def _breakers(picture: Picture) -> list[Text]:
    if not picture.breakers:
        return [Text(f"{picture.breakers_in_all} breakers, all closed", style="dim")]
    lines = []
    for breaker, instances in list(picture.breakers.items())[:_BREAKERS_SHOWN]:
        style = "yellow" if breaker.endswith("half-open") else "bold red"
        lines.append(Text.assemble((breaker, style), (f"  {' '.join(instances)}", "dim")))
    return lines


def _gone(what: str, reason: str) -> Text:
    sign, style = _STYLES["gone"]
    return Text.assemble((f"{sign} {what}", style), (f"  {reason}", "dim"))


def _milliseconds(value: float) -> str:
    if value >= _SLOW_MS:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value else "-"


def _span(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    if seconds < 3600:  # noqa: PLR2004
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
