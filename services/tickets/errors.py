"""tickets' own errors.

Conflict (409, chassis.problems)
└── SeatHasTicket   another order has a ticket for the seat: orders sold it twice
"""

from __future__ import annotations

from chassis.problems import Conflict


class SeatHasTicket(Conflict):
    type = "seat-has-ticket"
    title = "Another order has a ticket for this seat"
