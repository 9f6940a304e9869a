"""`make load`: Locust without its page, then the verdict on every order, then one summary."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from loadtests import report, verdict
from loadtests.ledger import LEDGER
from loadtests.plan import Plan, PlanError
from loadtests.progress import Summary, clock

_FINISH_SECONDS = 20
"""What a buyer under way may take to finish when the time is up: more than a request's deadline."""

_PASSED, _FAILED, _USAGE = 0, 1, 2


def main() -> int:
    """0: no failed request, nothing lost, nothing twice. 1: otherwise. 2: asked for nonsense."""
    console = Console(highlight=False)
    os.environ.setdefault("SHAPE", "steady")
    os.environ.setdefault("RUN_DIR", time.strftime(f"reports/%Y%m%d-%H%M%S-{os.environ['SHAPE']}"))
    try:
        plan = Plan.from_env(os.environ)
    except PlanError as error:
        console.print(f"[red]{error}[/red]")
        return _USAGE
    run_dir = Path(plan.run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    console.print(
        f"{plan.shape} for {clock(plan.seconds)}: {plan.browse_rate:.0f} browsing requests/s by "
        f"{plan.browsers}, {plan.order_rate:.0f} orders/s by {plan.buyers} users, "
        f"through {' and '.join(edge.rpartition('//')[2] for edge in plan.edges)}",
        soft_wrap=True,
    )
    _locust(run_dir)
    summary = Summary.read(run_dir)
    if summary is None:
        console.print(f"[red]the load did not run to its end: see {run_dir}/locust.log[/red]")
        return _FAILED
    try:
        found = asyncio.run(verdict.verdict(run_dir, plan.edges))
    except verdict.CannotAsk as error:
        console.print(f"[red]the cluster does not answer: {error}[/red]")
        found = None
    console.print(report.report(summary, found))
    console.print(f"\n{run_dir}/report.html has the curves, {LEDGER} every order", soft_wrap=True)
    return _PASSED if report.passed(summary, found) else _FAILED


def _locust(run_dir: Path) -> None:
    command = [
        *(sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless"),
        *("--stop-timeout", str(_FINISH_SECONDS), "--exit-code-on-error", "0"),
        *("--logfile", str(run_dir / "locust.log"), "--json-file", str(run_dir / "stats")),
        *("--csv", str(run_dir / "stats"), "--html", str(run_dir / "report.html")),
        "--only-summary",
    ]
    # Its own input: Locust reads single keys from a terminal, and this one is the person's.
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:  # noqa: S603
        while True:
            try:
                process.wait()
            except KeyboardInterrupt:
                continue  # the terminal told Locust too; it ends by itself, and there is a summary
            return


if __name__ == "__main__":
    sys.exit(main())
