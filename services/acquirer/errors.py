"""What the acquirer refuses, and how it fails.

Problem (chassis.problems)
├── Unauthorized     401  no API key, or a wrong one
├── KeyMissing       400  no Idempotency-Key, or one that cannot be a key
├── KeyReused        422  the key came before, with another charge
├── NotFound         404  no charge with this key
└── ProcessorFailed  500  on purpose (error_rate); whether the card was charged is not known
"""

from __future__ import annotations

from chassis.problems import Problem


class KeyMissing(Problem):
    status, type, title = 400, "idempotency-key-missing", "Send an Idempotency-Key with a charge"


class KeyReused(Problem):
    status, type, title = 422, "idempotency-key-reused", "This key came with another charge before"


class ProcessorFailed(Problem):
    status, type, title = 500, "processor-failed", "The card network did not answer as it should"
