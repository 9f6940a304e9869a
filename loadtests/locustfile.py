"""Locust's way in: the users, the shape, one line of progress, a summary at the end.

`python -m loadtests.load` runs it without a page; `make load-ui` with Locust's own.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gevent
from locust import LoadTestShape, events
from locust.stats import StatsCSVFileWriter

from loadtests import progress, shapes
from loadtests.client import Shared
from loadtests.ledger import Ledger
from loadtests.plan import Plan, PlanError
from loadtests.users import Browser, Buyer, Run, Visitor

try:
    PLAN = Plan.from_env(os.environ)
except PlanError as error:
    sys.exit(str(error))


def _offer(kind: type[Visitor], users: int, rate: float) -> None:
    """Locust hands out users in proportion to weights; a kind with no part is not offered."""
    kind.abstract, kind.weight, kind.rate, kind.host = users == 0, users, rate, PLAN.edges[0]


_offer(Browser, PLAN.browsers, PLAN.browser_rate)
_offer(Buyer, PLAN.buyers, PLAN.buyer_rate)

if os.environ.get("SHAPE"):

    class Stages(LoadTestShape):
        """The shape asked for; without one, Locust's page asks a person."""

        stages = shapes.stages(PLAN.shape, PLAN.users, PLAN.seconds)
        enough = False

        @classmethod
        def end(cls) -> None:
            """A person wants it to end now: as if the time were up, with a summary."""
            cls.enough = True

        def tick(self) -> tuple[int, float] | None:
            """Locust asks every second."""
            elapsed = time.perf_counter() - self.start_time
            stage = shapes.at(self.stages, elapsed)
            return (stage.users, stage.arriving) if stage and not self.enough else None

    # A KeyboardInterrupt surfaces in whichever user runs just then, and may get lost there.
    gevent.signal_handler(signal.SIGINT, Stages.end)


def _init(environment: Any, **_: Any) -> None:
    shared = Shared(PLAN.edges, environment.events.request)
    Visitor.run_ = Run(PLAN, Ledger(Path(PLAN.run_dir)), shared)
    if environment.web_ui is not None:
        # What the page proposes: with so many users RATE and ORDERS are kept.
        options = environment.parsed_options
        options.num_users = options.num_users or PLAN.users
        options.spawn_rate = options.spawn_rate or PLAN.users


def _test_start(environment: Any, **_: Any) -> None:
    Visitor.run_.begin()
    if environment.web_ui is None:
        gevent.spawn(_tell, environment)


def _tell(environment: Any) -> None:
    """One line, over and over; on something that is no terminal, one line every ten seconds."""
    alone = sys.stdout.isatty()
    while True:
        gevent.sleep(1.0 if alone else 10.0)
        text = progress.line(_now(environment))
        sys.stdout.write(f"\r\x1b[K{text}" if alone else f"{text}\n")
        sys.stdout.flush()


def _now(environment: Any) -> progress.Now:
    run, total = Visitor.run_, environment.stats.total
    return progress.Now(
        elapsed=min(time.monotonic() - run.started, PLAN.seconds),
        seconds=PLAN.seconds,
        users=environment.runner.user_count,
        rps=total.current_rps,
        failures=total.num_failures,
        p50=total.get_current_response_time_percentile(0.5) or 0.0,
        p99=total.get_current_response_time_percentile(0.99) or 0.0,
        acknowledged=run.ledger.counts["acknowledged"],
        failovers=run.shared.marks["failover"],
    )


def _quitting(environment: Any, **_: Any) -> None:
    run, stats = Visitor.run_, environment.stats
    if environment.web_ui is None and sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K")
    seconds = time.monotonic() - run.started
    entries = sorted(stats.entries.values(), key=lambda entry: entry.name)
    slowest = max(entries, key=lambda entry: entry.max_response_time, default=stats.total)
    progress.Summary(
        seconds=seconds,
        requests=stats.total.num_requests,
        failures=stats.total.num_failures,
        rps=stats.total.num_requests / seconds,
        p50=stats.total.get_response_time_percentile(0.5) or 0.0,
        p99=stats.total.get_response_time_percentile(0.99) or 0.0,
        slowest=slowest.max_response_time,
        slowest_name=slowest.name,
        generator_cpu=(time.process_time() - run.cpu_before) / seconds,
        orders=dict(run.ledger.counts),
        marks=dict(run.shared.marks),
        rows=[_row(entry) for entry in entries],
        errors=[f"{error.occurrences} x {error.name}: {error.error}" for error in _errors(stats)],
    ).write(Path(PLAN.run_dir))
    run.ledger.close()


def _row(entry: Any) -> progress.Row:
    return progress.Row(
        name=entry.name,
        requests=entry.num_requests,
        failures=entry.num_failures,
        p50=entry.get_response_time_percentile(0.5) or 0.0,
        p99=entry.get_response_time_percentile(0.99) or 0.0,
        slowest=entry.max_response_time,
    )


def _errors(stats: Any) -> list[Any]:
    return sorted(stats.errors.values(), key=lambda error: -error.occurrences)


# Locust 2.47 closes its CSV files under the hands of their writer: a traceback, now and then.
_writers: list[Any] = []
_write_csv = StatsCSVFileWriter.stats_writer


def _stats_writer(files: StatsCSVFileWriter) -> None:
    _writers.append(gevent.getcurrent())
    _write_csv(files)


def _quit(**_: Any) -> None:
    gevent.killall(_writers)


StatsCSVFileWriter.stats_writer = _stats_writer  # type: ignore[assignment]

_hooks: Any = events  # typed halfway by Locust
_hooks.init.add_listener(_init)
_hooks.test_start.add_listener(_test_start)
_hooks.quitting.add_listener(_quitting)
_hooks.quit.add_listener(_quit)
