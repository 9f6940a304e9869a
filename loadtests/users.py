"""Who comes to the box office: people who look, and people who buy."""

from __future__ import annotations

import itertools
import random
import time
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import gevent
from gevent.lock import BoundedSemaphore
from locust import User, task

from loadtests.client import EdgeClient, Reply, Shared
from loadtests.ledger import Account, Entry, Ledger
from loadtests.pacing import Pacer
from loadtests.shapes import sale_is_open

if TYPE_CHECKING:
    from loadtests.plan import Plan

SHOWS = 200
_PAGE = 20
_SIGN_UPS_AT_ONCE = 2
_CARDS = ("tok_ok",) * 93 + ("tok_declined",) * 5 + ("tok_slow",) * 2
_LOOKS = 11
_LOOK_SECONDS = 1.0  # if no answer says when to look again
_UNAUTHORIZED, _CREATED, _CONFLICT, _NOT_MODIFIED = 401, 201, 409, 304


class Slot:
    """An account and its session, shared by several buyers: making one costs the cluster 30 ms.

    `gate` is shared by all slots: people do not all sign up in the same second.
    """

    def __init__(self, gate: BoundedSemaphore) -> None:
        self._lock = BoundedSemaphore(1)
        self._gate = gate
        self.account: Account | None = None
        self.token: str | None = None

    def sign_in(self, client: EdgeClient, ledger: Ledger, stale: str | None = None) -> None:
        """Makes the account if there is none, and a session if there is none but `stale`."""
        with self._lock:
            if self.account is not None and self.token not in (None, stale):
                return
            with self._gate:
                account = self.account or self._register(client, ledger)
                self.token = self._new_session(client, account) if account else None

    def _new_session(self, client: EdgeClient, account: Account) -> str | None:
        reply = client.send(
            "POST",
            "/sessions",
            name="POST /sessions",
            expect=(_CREATED,),
            body={"email": account.email, "password": account.password},
            idempotency_key=str(uuid.uuid4()),
        )
        return str(reply.json()["token"]) if reply.status == _CREATED else None

    def _register(self, client: EdgeClient, ledger: Ledger) -> Account | None:
        account = Account(f"buyer-{uuid.uuid4().hex}@example.com", uuid.uuid4().hex)
        reply = client.send(
            "POST",
            "/accounts",
            name="POST /accounts",
            # Taken: by ourselves, in a try whose answer was lost. Nobody else knows the name.
            expect=(_CREATED, _CONFLICT),
            body={"email": account.email, "password": account.password},
            idempotency_key=str(uuid.uuid4()),
        )
        if reply.status in (_CREATED, _CONFLICT):
            ledger.account(account)
            self.account = account
        return self.account


class Run:
    """What the users of one run share."""

    def __init__(self, plan: Plan, ledger: Ledger, shared: Shared) -> None:
        self.plan = plan
        self.ledger = ledger
        self.shared = shared
        self.random = random.Random(plan.seed)
        self.sale_show = self.random.randint(1, SHOWS)
        self.begin()
        gate = BoundedSemaphore(_SIGN_UPS_AT_ONCE)
        self._slots = itertools.cycle([Slot(gate) for _ in range(max(1, plan.accounts))])
        self._homes = itertools.count()

    def begin(self) -> None:
        """The load starts now; what came before was loading Locust."""
        self.started = time.monotonic()
        self.cpu_before = time.process_time()

    def client(self) -> EdgeClient:
        """A new user's client; every second one has the other edge as its own."""
        return EdgeClient(self.shared, next(self._homes))

    def slot(self) -> Slot:
        """The account that the next buyer uses."""
        return next(self._slots)

    @property
    def sale_is_open(self) -> bool:
        """Whether everyone wants the same show now."""
        return sale_is_open(self.plan.shape, self.plan.seconds, time.monotonic() - self.started)


class Visitor(User):
    """Keeps its share of the run's rate."""

    abstract = True
    run_: ClassVar[Run]
    rate: ClassVar[float] = 1.0

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.edge = self.run_.client()
        self.random = random.Random(self.run_.random.random())
        self._pacer = Pacer(self.rate, self.random.random())

    def on_start(self) -> None:
        """Waits for its phase, so that users do not move in step."""
        gevent.sleep(self._pacer.wait(time.monotonic()))

    def wait_time(self) -> float:
        """Locust asks after each task."""
        return self._pacer.wait(time.monotonic())

    def show(self, show_id: int, etag: str | None = None) -> Reply:
        """Looks at a show."""
        return self.edge.send(
            "GET",
            f"/shows/{show_id}",
            name="GET /shows/{id}",
            expect=(200, _NOT_MODIFIED),
            if_none_match=etag,
        )


class Browser(Visitor):
    """Pages through the shows, opens some, and asks for those it knows only if they changed."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._cursor: str | None = None
        self._known: tuple[int, str] | None = None

    @task(4)
    def page(self) -> None:
        """The next page, or the first again after the last."""
        cursor = f"&cursor={self._cursor}" if self._cursor else ""
        reply = self.edge.send(
            "GET", f"/shows?limit={_PAGE}{cursor}", name="GET /shows", expect=(200,)
        )
        self._cursor = reply.json()["next_cursor"] if reply.status == 200 else None  # noqa: PLR2004

    @task(4)
    def detail(self) -> None:
        """Any show."""
        show_id = self.random.randint(1, SHOWS)
        reply = self.show(show_id)
        if reply.etag:
            self._known = show_id, reply.etag

    @task(2)
    def known(self) -> None:
        """The one it looked at last, if it changed."""
        if self._known is None:
            return self.detail()
        show_id, etag = self._known
        reply = self.show(show_id, etag)
        self._known = show_id, reply.etag or etag
        return None


class Buyer(Visitor):
    """Picks a show, orders, waits to hear that it is confirmed, fetches the ticket."""

    def on_start(self) -> None:
        """Signs in, as one of the run's accounts."""
        super().on_start()
        self.slot = self.run_.slot()
        self.slot.sign_in(self.edge, self.run_.ledger)

    @task
    def buy(self) -> None:
        """One purchase, to the end."""
        if self.slot.account is None or self.slot.token is None:
            self.slot.sign_in(self.edge, self.run_.ledger)
            return
        show_id = self.run_.sale_show if self.run_.sale_is_open else self.random.randint(1, SHOWS)
        self.show(show_id)
        order_id, wait = self._order(show_id, self.slot.account)
        if order_id is not None and self._decided(order_id, wait) == "confirmed":
            self._look(f"/tickets/{order_id}", "GET /tickets/{order_id}", expect=(200,))

    def _order(self, show_id: int, account: Account) -> tuple[str | None, float]:
        """Places it and writes down what came of it.

        Returns the order's id, if there is one, and after how many seconds to look at it.
        """
        entry = Entry.begun(
            str(uuid.uuid4()),
            account.email,
            show_id=show_id,
            wanted=self.random.randint(1, 4),
            card=self.random.choice(_CARDS),
            now=time.time(),
        )
        self.run_.ledger.write(entry)
        reply = self._signed_in(
            "POST",
            "/orders",
            name="POST /orders",
            expect=(200, 201, _CONFLICT),
            body=entry.body,
            idempotency_key=entry.key,
        )
        entry = entry.answered(reply.status, reply.body, time.time())
        if entry.outcome != "unknown":
            self.run_.ledger.write(entry)
        return entry.order_id, reply.retry_after or _LOOK_SECONDS

    def _decided(self, order_id: str, wait: float) -> str:
        """Asks until it is confirmed or declined; leaves it to the verdict after a while."""
        status = "pending"
        for _ in range(_LOOKS):
            gevent.sleep(wait)
            reply = self._look(f"/orders/{order_id}", "GET /orders/{id}", expect=(200,))
            status = reply.json()["status"] if reply.status == 200 else "unknown"  # noqa: PLR2004
            if status != "pending":
                break
            wait = reply.retry_after or _LOOK_SECONDS
        return status

    def _look(self, path: str, name: str, expect: tuple[int, ...]) -> Reply:
        return self._signed_in("GET", path, name=name, expect=expect)

    def _signed_in(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        name: str,
        expect: tuple[int, ...],
        **more: Any,
    ) -> Reply:
        """Sends it with the session, and once more with a new one if that one is gone.

        Sessions live in Redis and may be lost with it; a person signs in again and goes on.
        """
        reply = Reply(0)
        for last in (False, True):
            token = self.slot.token
            allowed = expect if last else (*expect, _UNAUTHORIZED)
            reply = self.edge.send(
                method, path, name=name, expect=allowed, authorization=f"Bearer {token}", **more
            )
            if reply.status != _UNAUTHORIZED:
                break
            self.run_.shared.marks["session-lost"] += 1
            self.slot.sign_in(self.edge, self.run_.ledger, stale=token)
        return reply
