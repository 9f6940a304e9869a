"""What a store's client raises.

Unavailable (503, chassis.problems)
└── StoreUnavailable   the store did not answer in time, or is electing a new primary
"""

from __future__ import annotations

from chassis.problems import Unavailable


class StoreUnavailable(Unavailable):
    type = "store-unavailable"
