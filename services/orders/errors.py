"""What can be wrong with an order.

Problem (chassis.problems)
├── KeyMissing     400  no Idempotency-Key, or one that cannot be a key
├── KeyReused      422  the key came before, with another body
├── KeyInProgress  409  the first request with this key is still running; Retry-After
├── SoldOut        409  fewer seats left than asked for
├── SeatsContended 503  enough seats, but others are just deciding about them; Retry-After
└── NotFound       404  no such order, or somebody else's
"""

from __future__ import annotations

from chassis.problems import Conflict, Problem, Unavailable


class KeyMissing(Problem):
    status, type, title = 400, "idempotency-key-missing", "Send an Idempotency-Key with an order"


class KeyReused(Problem):
    status, type, title = 422, "idempotency-key-reused", "This key came with another order before"


class KeyInProgress(Conflict):
    type, title = "request-in-progress", "The first request with this key is still running"


class SoldOut(Conflict):
    type, title = "sold-out", "Not that many seats are left"


class SeatsContended(Unavailable):
    type, title = "seats-contended", "The last seats are just being decided; try again"
