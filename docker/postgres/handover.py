"""Has the primary hand over to its synchronous standby, by Patroni's own interface; says how long.

Ends when the new primary has a synchronous standby of its own: from then on commits are
acknowledged again. Patroni's own command takes a second of processor to begin with, at the very
moment when two others need it.

Once the primary goes down the request is withdrawn. It has been obeyed by then, and nobody but the
synchronous standby may be promoted, with it or without. But while it stands the third member waits
two seconds before it follows anybody; without it, it follows at once, and commits have a standby
to wait for before the old primary is back.

For as long as a lease after a loss of all of etcd (20 s) a standby takes the primary's word that it
is one (failsafe mode), and would not take over from it: the primary would step down, and some
seconds later be the primary again. The same with one that has lost sight of etcd. So it is waited
until both go by etcd.

Only the standard library. Environment: PATRONI_PASSWORD, REGION, ETCD_NODES.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from .etcd import Etcd
from .etcd import ask as status

PATRONI = "http://127.0.0.1:8008"
ANSWER_SECONDS = 2
WITHIN_SECONDS = 60
AGAIN_SECONDS = 0.1
IN_TOUCH_SECONDS = 3
"""Patroni reads etcd every second (`loop_wait`)."""
ENDED = 1


def ask(path: str, body: dict[str, Any] | None = None, seconds: float = ANSWER_SECONDS) -> str:
    """GETs, or POSTs as Patroni's administrator.

    Raises:
        OSError: no answer in time, or a refusal.
    """
    request = urllib.request.Request(PATRONI + path)  # noqa: S310 - the address is above
    if body is not None:
        name = base64.b64encode(f"patroni:{os.environ['PATRONI_PASSWORD']}".encode()).decode()
        request.add_header("Authorization", f"Basic {name}")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
        return str(answer.read().decode())


def members() -> list[dict[str, Any]]:
    """All of them, as this one knows them."""
    found: list[dict[str, Any]] = json.loads(ask("/cluster"))["members"]
    return found


def roles() -> dict[str, str]:
    """Who is `leader` and `sync_standby`, by role."""
    return {m["role"]: m["name"] for m in members() if m["state"] in ("running", "streaming")}


def hand_over(etcd: Etcd) -> str:
    """Does it, and tells of it in a line.

    Raises:
        RuntimeError: it cannot be done; what it says is for a person.
    """
    before = roles()
    primary, standby = before.get("leader"), before.get("sync_standby")
    if primary is None or standby is None:
        raise RuntimeError(f"Needs a primary and a synchronous standby, and there is: {before}")
    addresses = {m["name"]: m["api_url"] for m in members() if m["name"] in (primary, standby)}
    await_obedience(addresses)
    began = time.monotonic()
    obeyed = False
    led: float | None = None
    with ThreadPoolExecutor(1) as thread:
        # Patroni answers at once if it refuses, else when it is done or sees the request no more.
        asked = thread.submit(
            ask, "/switchover", {"leader": primary, "candidate": standby}, WITHIN_SECONDS
        )
        while time.monotonic() - began < WITHIN_SECONDS:
            if not obeyed and going_down(addresses[primary]):
                obeyed = True
                with suppress(OSError):  # then it takes a second longer
                    etcd.withdraw_request()
            refused = asked.exception() if asked.done() else None
            if not obeyed and isinstance(refused, urllib.error.HTTPError):
                raise RuntimeError(f"Patroni refuses: {refused.read().decode()}")
            now, seconds = roles(), time.monotonic() - began
            if now.get("leader") == standby:
                led = led or seconds
                if "sync_standby" in now:
                    return (
                        f"{primary} handed over to {standby}: primary after {led:.1f} s,"
                        f" with {now['sync_standby']} as its standby after {seconds:.1f} s"
                    )
            time.sleep(AGAIN_SECONDS)
    raise RuntimeError(f"{standby} is not the primary with a standby of its own: {roles()}")


def await_obedience(addresses: dict[str, str]) -> None:
    """Waits until the members at these addresses would do what etcd says.

    Raises:
        RuntimeError: one of them still would not after a while.
    """
    until, told = time.monotonic() + WITHIN_SECONDS / 2, False
    while names := " and ".join(m for m, a in addresses.items() if not obedient(a, time.time())):
        if time.monotonic() > until:
            raise RuntimeError(f"{names} cannot go by etcd, and would not obey: make heal")
        if not told:
            told = True
            sys.stderr.write(f"{names}: has to find etcd again, waiting\n")
        time.sleep(AGAIN_SECONDS)


def obedient(address: str, now: float) -> bool:
    """Whether the member there goes by what etcd says; `now` is in seconds of the epoch."""
    found = status(address) or {}
    fresh = now - found.get("dcs_last_seen", 0) < IN_TOUCH_SECONDS
    return fresh and not found.get("failsafe_mode_is_active", False)


def going_down(address: str) -> bool:
    """Whether the Postgres of the member at that address is being stopped, or was."""
    return (status(address) or {}).get("state") in ("stopping", "stopped")


def main() -> int:
    """0 when it was done."""
    try:
        sys.stdout.write(hand_over(Etcd.of_this_member()) + "\n")
    except (RuntimeError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return ENDED
    return 0


if __name__ == "__main__":
    sys.exit(main())
