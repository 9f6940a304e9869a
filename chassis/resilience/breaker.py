"""pybreaker's circuit breaker for asyncio, judged by rates over time.

Kept of pybreaker: its three states, listeners, excluded exceptions, `call`, `calling`, `open`,
`half_open`, `close`, and its error. When to change state is decided by `circuit.Circuit`;
pybreaker's storage interface is a view of it, so there is one truth, and pybreaker itself notices
each change and tells the listeners.

Differs from pybreaker: the call that trips the breaker raises its own failure, not a
CircuitBreakerError, and no lock is held while a call runs.
"""

from __future__ import annotations

import functools
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pybreaker

from chassis.resilience.circuit import BreakerPolicy, Circuit, Outcome, Permit
from chassis.resilience.errors import BreakerOpen, BulkheadFull
from chassis.resilience.events import Observer, emit

if TYPE_CHECKING:
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")

_STATE_VALUES = {pybreaker.STATE_CLOSED: 0, pybreaker.STATE_HALF_OPEN: 1, pybreaker.STATE_OPEN: 2}


class CircuitBreaker(pybreaker.CircuitBreaker):
    """Refuses calls to a peer that lately failed, or was slow, too often.

    One breaker belongs to one dependency. It may be used from several threads.
    """

    def __init__(
        self,
        name: str,
        policy: BreakerPolicy | None = None,
        *,
        exclude: Iterable[type[Exception] | Callable[[Any], bool]] = (),
        listeners: Iterable[pybreaker.CircuitBreakerListener] = (),
        on_event: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        rand: Callable[[], float] = random.random,
    ) -> None:
        """Begins closed.

        Args:
            name: of the dependency.
            policy: when to open and to close.
            exclude: errors that are an answer, not a failure ("card declined"), or predicates.
            listeners: pybreaker's.
            on_event: told each change of state and each refused call.
            clock: seconds, monotonic.
            rand: a number in [0, 1).
        """
        self._circuit = Circuit(policy or BreakerPolicy(), rand)
        self._clock = clock
        self._on_event = on_event
        super().__init__(
            reset_timeout=self._circuit.policy.open_seconds,
            success_threshold=self._circuit.policy.permits,
            exclude=list(exclude),
            listeners=[*listeners, _StateObserver(name, on_event)],
            state_storage=_CircuitView(self._circuit, clock),
            name=name,
        )
        emit(on_event, name, "breaker_state", 0)

    def guard(self) -> _Passage:
        """`async with breaker.guard():` around the call.

        Raises:
            BreakerOpen: the call must not be made.
        """
        return _Passage(self, self.guard)

    async def run(self, fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Awaits `fn(*args, **kwargs)` behind the breaker.

        Raises:
            BreakerOpen: the call was not made.
        """
        async with _Passage(self, fn, *args, **kwargs):
            return await fn(*args, **kwargs)

    async def call_async(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """`run`, by pybreaker's name (there it needs Tornado)."""
        return await self.run(func, *args, **kwargs)

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Calls a blocking function behind the breaker.

        Raises:
            BreakerOpen: the call was not made.
            TypeError: `func` is asynchronous: its failures would go unseen here.
        """
        if inspect.iscoroutinefunction(func):
            raise TypeError("For an asynchronous function use run()")
        with _Passage(self, func, *args, **kwargs):
            return func(*args, **kwargs)

    def calling(self) -> _Passage:  # type: ignore[override]  # there a generator, as good in `with`
        """`with breaker.calling():` around a blocking call."""
        return _Passage(self, self.calling)

    def __call__(self, *call_args: Any, **call_kwargs: Any) -> Callable[..., Any]:
        """As a decorator: `@breaker`, for functions of both kinds."""
        func = call_args[0] if call_args else None
        if not inspect.iscoroutinefunction(func):
            return super().__call__(*call_args, **call_kwargs)

        @functools.wraps(func)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            return await self.run(func, *args, **kwargs)

        return guarded

    def open(self) -> bool:
        """Opens by hand, for the open time."""
        self._change(self._circuit.open)
        return False  # in pybreaker: whether the tripping call's own error is to be replaced

    def half_open(self) -> None:
        """Lets probes through, by hand."""
        self._change(lambda _: self._circuit.half_open())

    def close(self) -> None:
        """Closes by hand."""
        self._change(self._circuit.close)

    def _change(self, change: Callable[[float], None]) -> None:
        with self._lock:
            change(self._clock())
            self._publish()

    def _admit(self) -> Permit:
        now = self._clock()
        with self._lock:  # held for the decision only, never across a call
            permit = self._circuit.admit(now)
            retry_after = self._circuit.retry_after(now)
            self._publish()
        if permit is None:
            emit(self._on_event, str(self.name), "breaker_rejected")
            raise BreakerOpen(f"Calls to {self.name} are held back", retry_after=retry_after)
        return permit

    def _settle(self, permit: Permit, error: BaseException | None) -> None:
        outcome = self._outcome(error)
        now = self._clock()
        with self._lock:
            self._circuit.settle(permit, now, outcome)
            self._publish()
        for listener in self._listeners:
            if outcome is Outcome.OK:
                listener.success(self)
            elif outcome is Outcome.FAILED and error is not None:
                listener.failure(self, error)

    def _outcome(self, error: BaseException | None) -> Outcome:
        if error is None:
            return Outcome.OK
        if isinstance(error, BreakerOpen | BulkheadFull):
            return Outcome.NOT_MADE
        if not isinstance(error, Exception):
            return Outcome.CUT_OFF
        return Outcome.FAILED if self.is_system_error(error) else Outcome.OK

    def _publish(self) -> None:
        # reading `state` is what makes pybreaker notice a change and tell the listeners
        _ = self.state


class _Passage:
    """One call's way through the breaker, in `with` and in `async with`."""

    def __init__(
        self, breaker: CircuitBreaker, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        self._breaker = breaker
        self._call = functools.partial(func, *args, **kwargs)
        self._permit: Permit | None = None

    def __enter__(self) -> None:
        breaker, call = self._breaker, self._call
        permit = breaker._admit()  # noqa: SLF001 - its other half
        try:
            for listener in breaker.listeners:
                listener.before_call(breaker, call.func, *call.args, **call.keywords)
        except BaseException:
            breaker._circuit.settle(permit, permit.began, Outcome.NOT_MADE)  # noqa: SLF001
            raise
        self._permit = permit

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._permit is not None:
            permit, self._permit = self._permit, None
            self._breaker._settle(permit, error)  # noqa: SLF001

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)


class _CircuitView(pybreaker.CircuitBreakerStorage):
    """The circuit as pybreaker's storage: read here, changed only by the circuit's own rules."""

    def __init__(self, circuit: Circuit, clock: Callable[[], float]) -> None:
        super().__init__("circuit")
        self._circuit = circuit
        self._clock = clock

    @property  # type: ignore[misc]  # read-only: see above
    def state(self) -> str:
        return self._circuit.state

    @property
    def counter(self) -> int:
        return self._circuit.failures(self._clock())

    @property
    def success_counter(self) -> int:
        return self._circuit.good_probes

    @property  # type: ignore[misc]  # read-only: see above
    def opened_at(self) -> None:
        return None


class _StateObserver(pybreaker.CircuitBreakerListener):
    def __init__(self, name: str, on_event: Observer | None) -> None:
        self._name = name
        self._on_event = on_event

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,  # noqa: ARG002 - pybreaker's signature
        old_state: pybreaker.CircuitBreakerState | None,  # noqa: ARG002
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        emit(self._on_event, self._name, "breaker_state", _STATE_VALUES[new_state.name])
