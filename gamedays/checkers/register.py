"""Registers: does the cluster behave as if there were one copy, and one thing at a time?

The search is that of Wing and Gong (1993) as refined by Lowe (2017): go through the possible orders
depth first, and remember which state was reached by which set of operations, so that none is
looked at twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gamedays.history import History, Operation
from gamedays.verdict import Checker, Verdict

MOST_OPERATIONS = 200
"""A key: beyond that nobody knows how long the search takes."""

MOST_STATES = 300_000
"""Looked at for one key: some seconds. It is this checker's time-out, and the same everywhere."""

WRITE, READ = "write", "read"


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on one register. `end` is infinite for a write that may or may not have been.

    `value` is what was written, or what was read; None is the register's first value.
    """

    begin: float
    end: float
    write: bool
    value: str | None


Named = Callable[[History], Mapping[str, str]]
"""What was written by the value that was asked for, where the server chooses the value."""


def linearizable(kind: str, named: Named | None = None) -> Checker:
    """A checker of the registers of this kind, one for each key.

    Operations: `kind`; asked is `{"f": "write", "value": ...}` or `{"f": "read"}`. The answer of a
    read has the `value` that was read; that of a write the one that was written, which the server
    may have chosen. Values written to one key are unique; before that it reads null.

    Valid if for each key there is an order of its operations in which every read sees the newest
    write, and which keeps the order of real time: what had ended when another began comes first. A
    write that failed is in no order; one that is unknown may be, anywhere after its begin, with the
    value that `named` has for what was asked. Reads that failed or are unknown saw nothing.

    Unknown, which is no pass, if a key has more than MOST_OPERATIONS, or the search saw MOST_STATES
    states without an end. Invalid too if nothing was read.
    """

    def check(history: History) -> Verdict:
        by_key: dict[str, list[Step]] = defaultdict(list)
        operations = history.of(kind)
        names: Mapping[str, str] = {}
        if named and any(o.asked["f"] == WRITE and o.outcome == "info" for o in operations):
            names = named(history)
        for operation in operations:
            step = _step(operation, names)
            if step is not None:
                by_key[operation.key].append(step)
        reads = sum(not step.write for steps in by_key.values() for step in steps)
        figures = {"operations": float(sum(map(len, by_key.values())))}
        if not reads:
            return Verdict(False, "nothing was read", figures)
        answers = {key: is_linearizable(steps) for key, steps in by_key.items()}
        wrong = sorted(key for key, answer in answers.items() if answer is False)
        unknown = sorted(key for key, answer in answers.items() if answer is None)
        if wrong:
            detail = f"no order explains what was read of {', '.join(wrong)}"
            return Verdict(False, detail, figures)
        if unknown:
            detail = f"unknown, the search was given up: {', '.join(unknown)}"
            return Verdict(None, detail, figures)
        detail = f"{len(by_key)} registers, {figures['operations']:.0f} operations, {reads} reads"
        return Verdict(True, detail, figures)

    return check


def _step(operation: Operation, names: Mapping[str, str]) -> Step | None:
    if operation.asked["f"] == WRITE:
        if operation.outcome == "fail":
            return None
        asked = operation.asked["value"]
        value = operation.answered["value"] if operation.ok else names.get(asked, asked)
        return Step(operation.begin, operation.end, True, value)
    if not operation.ok:
        return None
    return Step(operation.begin, operation.end, False, operation.answered["value"])


def is_linearizable(steps: Sequence[Step], most_states: int = MOST_STATES) -> bool | None:
    """Whether one register's operations have an order; None if the search was given up."""
    if len(steps) > MOST_OPERATIONS:
        return None
    steps = sorted(steps, key=lambda s: s.begin)
    # What has to be in the order: bit i is step i.
    needed = sum(1 << i for i, step in enumerate(steps) if step.end != float("inf"))
    seen: set[tuple[int, str | None]] = {(0, None)}
    stack: list[tuple[int, str | None]] = [(0, None)]
    while stack:
        done, value = stack.pop()
        if done & needed == needed:
            return True
        for i in _next(steps, done):
            step = steps[i]
            if not step.write and step.value != value:
                continue
            state = (done | 1 << i, step.value)
            if state not in seen:
                if len(seen) >= most_states:
                    return None
                seen.add(state)
                stack.append(state)
    return False


def _next(steps: Sequence[Step], done: int) -> list[int]:
    """Steps that may come next: none that is still to come had ended before they began."""
    found: list[int] = []
    first_end = float("inf")
    for i, step in enumerate(steps):
        if done >> i & 1:
            continue
        if step.begin > first_end:
            break  # so did all after it
        found.append(i)
        first_end = min(first_end, step.end)
    return [i for i in found if steps[i].begin <= first_end]
