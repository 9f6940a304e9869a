"""Calling the acquirer: an outside company, slow and flaky, that must be asked once in effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.guards import guard
from chassis.problems import DeadlineMissed, Unavailable
from chassis.resilience import BreakerPolicy, Deadline, current_deadline, remaining_or
from services.payments.decisions import Charge, Verdict, read_answer
from services.payments.errors import AcquirerAway, ChargeRefused

if TYPE_CHECKING:
    from chassis.mesh import MeshClient
    from services.payments.config import PaymentsSettings

# Above what its slowest card takes, below an attempt's time: slow is when most calls are so.
_SLOW_SHARE_OF_ATTEMPT = 0.8
_LONGEST_OPEN_SECONDS = 15.0  # orders wait meanwhile: nobody should wait long after it is back


class Acquirer:
    """The acquirer, behind all guards."""

    def __init__(self, mesh: MeshClient, settings: PaymentsSettings) -> None:
        self._mesh = mesh
        self._api_key = settings.acquirer_api_key
        self._attempt_seconds = settings.attempt_seconds
        self._guard = guard(
            "acquirer",
            seconds=settings.charge_seconds,
            limit=settings.concurrency,
            retry_on=(AcquirerAway,),
            answers=(ChargeRefused,),
            policy=BreakerPolicy(
                slow_call_seconds=settings.attempt_seconds * _SLOW_SHARE_OF_ATTEMPT,
                open_max_seconds=_LONGEST_OPEN_SECONDS,
            ),
        )

    async def charge(self, charge: Charge) -> Verdict:
        """Charges, once however often it is called.

        Raises:
            AcquirerAway: no verdict; ask again later.
            ResilienceError: held back by a guard; ask again later.
            ChargeRefused: never ask again.
        """
        return await self._guard(self._attempt, charge)

    async def _attempt(self, charge: Charge) -> Verdict:
        seconds = min(self._attempt_seconds, remaining_or(self._attempt_seconds))
        token = current_deadline.set(Deadline.after(seconds))  # the mesh goes by it, and tells it
        try:
            reply = await self._mesh.call(
                "acquirer",
                "POST",
                "/charges",
                headers={
                    "Authorization": f"Bearer {self._api_key.get_secret_value()}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": charge.key,
                },
                body=charge.body(),
            )
        except (Unavailable, DeadlineMissed) as error:
            raise AcquirerAway(str(error)) from error
        finally:
            current_deadline.reset(token)
        return read_answer(reply.status, reply.body, reply.headers.get("Retry-After"))
