"""The bugs, whose they are, and who has to catch them. The table at the bottom is all of it.

Some also wait a little where a crash would do harm: they make likely what would else be rare.
Nothing of the program is imported before a bug is planted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Callable
from importlib import import_module
from typing import Any

from gamedays.planted import points

_LATE_SECONDS = 3.0
_BETWEEN_SECONDS = 2.0
_LOOK_SECONDS = 0.2
_SELDOM_SECONDS = 20.0
_LONG_SESSION_MS = 60_000


@dataclasses.dataclass(frozen=True, slots=True)
class Bug:
    """One mistake.

    Attributes:
        does: what goes wrong, in a line.
        programs: whose processes have it.
        plant: puts it into this process.
        scenario: the game day that has to fail.
        caught_by: the check, by its name in the verdict, that has to say so.
    """

    does: str
    programs: frozenset[str]
    plant: Callable[[str], None]
    scenario: str
    caught_by: str


def _replace(place: str, name: str, make: Callable[[Any], Any]) -> None:
    """Puts `make(original)` in the place of `name` of a module, or of `module:Class`."""
    module, _, inner = place.partition(":")
    owner: Any = import_module(module)
    if inner:
        owner = getattr(owner, inner)
    setattr(owner, name, make(vars(owner)[name]))


def _after_init(place: str, change: Callable[[Any], None]) -> None:
    """Has each new object of a class changed."""

    def make(init: Any) -> Any:
        def changed(self: Any, **options: Any) -> None:
            init(self, **options)
            change(self)

        return changed

    _replace(place, "__init__", make)


def _acks_0(_: str) -> None:
    def make(connect: Any) -> Any:
        def hasty(client: Any, **settings: Any) -> Any:
            if "acks" in settings:
                settings |= {"acks": 0, "enable_idempotence": False}
            return connect(client, **settings)

        return hasty

    _replace("chassis.bus.producer", "connect", make)


def _no_inbox(_: str) -> None:
    def make(_take_new: Any) -> Any:
        async def take_all(_connection: Any, _consumer: str, events: Any) -> Any:
            return list(events)

        return take_all

    _replace("chassis.bus.inbox", "take_new", make)
    _after_init("chassis.bus.consumer:Consumer", _commit_seldom)


def _commit_seldom(consumer: Any) -> None:
    consumer._commit_every = _SELDOM_SECONDS  # noqa: SLF001


def _commit_first(_: str) -> None:
    def make(in_order: Any) -> Any:
        async def committed_first(self: Any, polled: Any, turn: int) -> None:
            for partition, records in polled.items():
                self._done.put((partition, records[-1].offset + 1, turn))
            await asyncio.sleep(_BETWEEN_SECONDS)
            await in_order(self, polled, turn)

        return committed_first

    _replace("chassis.bus.consumer:Consumer", "_in_order", make)


def _reordered(_: str) -> None:
    def make(publish: Any) -> Any:
        async def backwards(self: Any, records: Any, *words: Any) -> None:
            await publish(self, list(reversed(records)), *words)

        return backwards

    _replace("chassis.bus.producer:Producer", "publish", make)
    _replace("chassis.bus.outbox", "_ROUND_SECONDS", lambda _: _BETWEEN_SECONDS)


def _late_rebalance(_: str) -> None:
    def patient(consumer: Any) -> None:
        consumer._config["session_timeout_ms"] = _LONG_SESSION_MS  # noqa: SLF001

    _after_init("chassis.bus.consumer:Consumer", patient)


def _unkeyed_retry(program: str) -> None:
    if program == "balancer":
        methods = {b"POST", b"PATCH"}
        _replace("loadbalancer.wire.request", "_IDEMPOTENT", lambda safe: safe | methods)
        return

    def make(add: Any) -> Any:
        async def answered_late(self: Any, wanted: Any) -> Any:
            owner = await add(self, wanted)
            if wanted.idempotency_key is None:
                await asyncio.sleep(_LATE_SECONDS)
            return owner

        return answered_late

    _replace("services.sessions.store:Store", "add", make)


def _no_seat_lock(_: str) -> None:
    def make(_take_seats: Any) -> Any:
        async def take(connection: Any, command: Any) -> list[int]:
            rows = await connection.fetch(
                "SELECT number FROM seats WHERE show_id = $1 AND order_id IS NULL"
                " ORDER BY number LIMIT $2",
                command.show_id,
                command.seats,
            )
            await asyncio.sleep(_LOOK_SECONDS)
            numbers = [row["number"] for row in rows]
            await connection.execute(
                "UPDATE seats SET order_id = $3 WHERE show_id = $1 AND number = ANY($2::int[])",
                command.show_id,
                numbers,
                uuid.UUID(command.order_id),
            )
            return numbers

        return take

    _replace("services.orders.store", "_take_seats", make)


def _no_key(_: str) -> None:
    def make(first_with_key: Any) -> Any:
        async def never_seen(connection: Any, command: Any) -> Any:
            return await first_with_key(
                connection, dataclasses.replace(command, key=uuid.uuid4().hex)
            )

        return never_seen

    _replace("services.orders.store", "_first_with_key", make)


def _charge_twice(_: str) -> None:
    def make(call: Any) -> Any:
        async def with_a_new_key(self: Any, service: str, *words: Any, **options: Any) -> Any:
            if service == "acquirer":
                options["headers"] = {**options["headers"], "Idempotency-Key": uuid.uuid4().hex}
            return await call(self, service, *words, **options)

        return with_a_new_key

    _replace("chassis.mesh:MeshClient", "call", make)


def _asynchronous_standby(_: str) -> None:
    def make(connect: Any) -> Any:
        async def hasty(self: Any, *words: Any, **options: Any) -> Any:
            asked = options.get("server_settings") or {}
            options["server_settings"] = {**asked, "synchronous_commit": "local"}
            return await connect(self, *words, **options)

        return hasty

    _replace("chassis.store.servers:Servers", "connect", make)


def _retry_storm(_: str) -> None:
    away: Any = import_module("services.payments.errors").AcquirerAway

    def make(_charge: Any) -> Any:
        async def at_once_and_for_ever(self: Any, charge: Any) -> Any:
            while True:
                try:
                    return await self._attempt(charge)
                except away:
                    await asyncio.sleep(_LOOK_SECONDS)

        return at_once_and_for_ever

    _replace("services.payments.acquirer:Acquirer", "charge", make)


BUGS: dict[str, Bug] = {
    "acks-0": Bug(
        "events count as told when they are sent",
        frozenset({"orders", "payments"}),
        _acks_0,
        "cut-kafka-leader",
        "total-queue",
    ),
    "no-inbox": Bug(
        "an event that comes again has its effect again",
        frozenset({"orders", "tickets", "notifications"}),
        _no_inbox,
        "kill-consumer",
        "total-queue",
    ),
    "commit-first": Bug(
        "an event counts as done before its effect",
        frozenset({"tickets", "notifications"}),
        _commit_first,
        "kill-consumer",
        "total-queue",
    ),
    "reordered": Bug(
        "the relay tells what it has at once backwards",
        frozenset({"orders"}),
        _reordered,
        "baseline",
        "event order",
    ),
    "late-rebalance": Bug(
        "a dead consumer keeps its partitions for a minute",
        frozenset({"payments", "tickets", "notifications"}),
        _late_rebalance,
        "kill-consumer",
        "effects in time",
    ),
    "unkeyed-retry": Bug(
        "the balancer sends a POST without a key again",
        frozenset({"balancer", "sessions"}),
        _unkeyed_retry,
        "kill-sessions",
        "unkeyed once",
    ),
    "no-seat-lock": Bug(
        "seats are looked at, and taken later",
        frozenset({"orders"}),
        _no_seat_lock,
        "baseline",
        "seats",
    ),
    "no-key": Bug(
        "a key that comes again is a new order",
        frozenset({"orders"}),
        _no_key,
        "kill-instance",
        "set",
    ),
    "charge-twice": Bug(
        "each try to charge a card has another key",
        frozenset({"payments"}),
        _charge_twice,
        "acquirer-trouble",
        "bank",
    ),
    "asynchronous-standby": Bug(
        "a commit is acknowledged before any standby has it",
        frozenset({"orders"}),
        _asynchronous_standby,
        "kill-lone-primary",
        "set",
    ),
    "retry-storm": Bug(
        "a charge that fails is sent again, at once and for ever",
        frozenset({"payments"}),
        _retry_storm,
        "acquirer-trouble",
        "attempts",
    ),
}


def plant(name: str, program: str) -> None:
    """Plants the bug, if it is one of this program's.

    Raises:
        ValueError: there is no such bug.
    """
    if name == points.NAME:
        points.plant(program)
        return
    if name not in BUGS:
        raise ValueError(f"PLANTED_BUG={name}: one of {', '.join(BUGS)}")
    if program in BUGS[name].programs:
        BUGS[name].plant(program)
