"""What the gateway itself refuses.

Problem (chassis.problems)
├── NotFound          404  no such path
├── MethodNotAllowed  405  the path has other methods; Allow
├── Unauthorized      401  needs a session
├── TooMany           429  over the caller's rate; Retry-After
└── Unavailable       503  Redis is away and a session is needed; Retry-After
"""

from __future__ import annotations

from collections.abc import Iterable

from chassis.problems import Problem


class MethodNotAllowed(Problem):
    status, type, title = 405, "method-not-allowed", "This path has other methods"

    def __init__(self, allowed: Iterable[str]) -> None:
        """`allowed` are the methods that the path has."""
        names = set(allowed)
        self._allow = ", ".join(sorted(names | ({"HEAD"} if "GET" in names else set())))
        super().__init__(f"Use {self._allow}")

    def headers(self) -> dict[str, str]:
        """With Allow, as RFC 9110 (section 15.5.6) asks."""
        return {**super().headers(), "Allow": self._allow}
