"""The whole of `make load` against a double of the edges: users, failover, ledger, verdict."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from loadtests.checker import Verdict
from loadtests.ledger import Account, Entry, Ledger, read_entries
from loadtests.progress import Summary
from loadtests.verdict import verdict

if TYPE_CHECKING:
    from tests.integration.loadtests.conftest import BoxOffice


async def start_load(
    run_dir: Path, office: BoxOffice, **settings: str
) -> asyncio.subprocess.Process:
    env = {**os.environ, "EDGES": ",".join(office.urls), "RUN_DIR": str(run_dir), **settings}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtests.load",
        env=env,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def test_the_death_of_an_edge_fails_no_request_and_loses_no_order(
    tmp_path: Path, box_office: BoxOffice
) -> None:
    load = await start_load(tmp_path, box_office, TIME="5s", RATE="40", ORDERS="4", USERS="12")
    await box_office.busy.wait()
    await box_office.close_edge(0)
    output, _ = await load.communicate()

    assert load.returncode == 0, output.decode()
    summary = Summary.read(tmp_path)
    assert summary
    assert summary.failures == 0
    assert summary.marks["failover"] > 0
    assert {row.name for row in summary.rows} >= {"GET /shows", "GET /shows/{id}", "POST /orders"}
    told = {entry.order_id for entry in read_entries(tmp_path) if entry.order_id}
    assert told == set(box_office.orders)
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "stats_stats.csv").exists()


async def test_a_forgotten_order_fails_the_run(tmp_path: Path, box_office: BoxOffice) -> None:
    box_office.lose = True
    load = await start_load(tmp_path, box_office, TIME="2s", RATE="0", ORDERS="2")
    output, _ = await load.communicate()
    assert load.returncode == 1
    assert b"is gone" in output


async def test_a_confirmed_order_without_tickets_is_a_failure(
    tmp_path: Path, box_office: BoxOffice
) -> None:
    box_office.tickets = False
    load = await start_load(tmp_path, box_office, TIME="3s", RATE="0", ORDERS="2")
    await load.communicate()
    summary = Summary.read(tmp_path)
    assert summary
    failed = {row.name for row in summary.rows if row.failures}
    assert failed == {"GET /tickets/{order_id}"}


async def test_an_unknown_outcome_is_asked_again_by_its_key(
    tmp_path: Path, box_office: BoxOffice
) -> None:
    ledger = Ledger(tmp_path)
    ledger.account(Account("a@example.com", "secret"))
    ledger.write(Entry.begun("k1", "a@example.com", show_id=3, wanted=2, card="tok_ok", now=1.0))
    ledger.close()
    found = await verdict(tmp_path, tuple(box_office.urls), wait=5.0)
    assert found == Verdict(acknowledged=1, confirmed=1, declined=0)
    assert list(box_office.keys) == ["k1"]


async def test_a_person_who_ends_it_still_gets_the_summary(
    tmp_path: Path, box_office: BoxOffice
) -> None:
    load = await start_load(tmp_path, box_office, TIME="60s", RATE="20", ORDERS="2")
    await box_office.busy.wait()
    os.killpg(load.pid, signal.SIGINT)  # as the terminal does
    output, _ = await load.communicate()
    assert load.returncode == 0
    assert b"acknowledged orders" in output
