"""What a store's client raises.

Unavailable (503, chassis.problems)
└── StoreUnavailable   the store did not answer in time, or is electing a new primary
    └── StoreBusy      it answered: not now. Nothing was done
        └── StoreLocked   others hold what was to be locked, for longer than anyone may wait
"""

from __future__ import annotations

from chassis.problems import Unavailable


class StoreUnavailable(Unavailable):
    type = "store-unavailable"


class StoreBusy(StoreUnavailable):
    type = "store-busy"


class StoreLocked(StoreBusy):
    pass
