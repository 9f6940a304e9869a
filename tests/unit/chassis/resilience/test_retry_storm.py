"""The retry storm, replayed: what retries do to a peer that stood still for two seconds.

A model after the published experiments, not a copy of one: a server answers in order, ten calls a
tick, and works also for callers who have given up, since it cannot know. Callers give up after
half a second and try again, three attempts at most. 60 % load, a tick is 10 ms, no chance in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from chassis.resilience import RetryBudget

TICK = 0.01  # seconds
CAPACITY = 10  # answers a tick
ARRIVALS = 6  # requests a tick
PATIENCE = 50  # ticks
ATTEMPTS = 3
OUTAGE = range(500, 700)  # ticks: two seconds
END = 4000  # ticks
LAST = (END - 1000 - PATIENCE, END - PATIENCE)  # ticks that recovery is judged by


@dataclass(slots=True)
class Request:
    born: int
    attempts: int = 0
    sent: int = 0  # the tick of its latest attempt
    answered: bool = False


class Storm:
    """One run. `fails_every` so many answers is an error; with it there is no outage."""

    def __init__(self, may_retry: Callable[[float], bool], fails_every: int | None = None) -> None:
        self.requests: list[Request] = []
        self._may_retry = may_retry
        self._fails_every = fails_every
        self._served = 0
        self._queue: deque[tuple[Request, int]] = deque()
        self._patient: deque[tuple[Request, int]] = deque()

    def run(self, count_request: Callable[[float], None] = lambda _: None) -> Storm:
        for tick in range(END):
            self._give_up(tick)
            for _ in range(ARRIVALS):
                self.requests.append(Request(tick))
                count_request(tick * TICK)
                self._send(self.requests[-1], tick)
            if self._fails_every is not None or tick not in OUTAGE:
                self._serve(tick)
        return self

    @property
    def attempts_per_request(self) -> float:
        return sum(r.attempts for r in self.requests) / len(self.requests)

    def success(self, first: int = 0, end: int = END) -> float:
        asked = [r for r in self.requests if first <= r.born < end]
        return sum(r.answered for r in asked) / len(asked)

    def _send(self, request: Request, tick: int) -> None:
        request.attempts += 1
        request.sent = tick
        self._queue.append((request, tick))
        self._patient.append((request, tick))

    def _retry(self, request: Request, tick: int) -> None:
        if request.attempts < ATTEMPTS and self._may_retry(tick * TICK):
            self._send(request, tick)

    def _give_up(self, tick: int) -> None:
        while self._patient and tick - self._patient[0][1] >= PATIENCE:
            request, sent = self._patient.popleft()
            if not request.answered and request.sent == sent:
                self._retry(request, tick)

    def _serve(self, tick: int) -> None:
        for _ in range(min(CAPACITY, len(self._queue))):
            request, sent = self._queue.popleft()
            self._served += 1
            if self._fails_every is not None and self._served % self._fails_every == 0:
                self._retry(request, tick)
            elif request.sent == sent and tick - sent < PATIENCE:
                request.answered = True


def without_retries() -> Storm:
    return Storm(lambda _: False).run()


def naive(fails_every: int | None = None) -> Storm:
    return Storm(lambda _: True, fails_every).run()


def budgeted(fails_every: int | None = None) -> Storm:
    budget = RetryBudget()
    return Storm(budget.try_retry, fails_every).run(budget.count_request)


def test_before_the_outage_all_is_well() -> None:
    for run in (naive(), budgeted()):
        assert run.success(end=OUTAGE.start - PATIENCE) == 1.0


def test_naive_retries_keep_the_peer_down_long_after_it_came_back() -> None:
    run = naive()
    assert run.attempts_per_request > 2.5
    assert run.success(*LAST) == 0.0


def test_with_the_budget_the_peer_recovers() -> None:
    run = budgeted()
    assert run.attempts_per_request <= 1.2
    assert run.success(*LAST) == 1.0


def test_the_budget_recovers_about_as_well_as_no_retries_at_all() -> None:
    none = without_retries()
    assert budgeted().success() > none.success() - 0.1
    assert naive().success() < none.success() - 0.5


def test_when_failures_are_few_the_budget_costs_nothing() -> None:
    patient, careful = naive(fails_every=50), budgeted(fails_every=50)
    assert careful.success() == patient.success() == 1.0
    assert careful.attempts_per_request <= 1.03
