"""What can be wrong with an account or a sign-in.

Problem (chassis.problems)
├── EmailTaken     409  another account has this email
├── KeyReused      422  the Idempotency-Key came before, with another password
└── BadCredentials 401  no such email, or not its password: which of the two is not said
"""

from __future__ import annotations

from chassis.problems import Conflict, Problem, Unauthorized


class EmailTaken(Conflict):
    type, title = "email-taken", "There is an account with this email"


class KeyReused(Problem):
    status, type, title = 422, "idempotency-key-reused", "This key came with another request before"


class BadCredentials(Unauthorized):
    type, title = "bad-credentials", "This email and password do not go together"
