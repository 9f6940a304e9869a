"""Turns the acquirer's knobs from its container: `python -m services.acquirer.turn error_rate=1`.

Knobs that are not named keep their place; `default` alone puts all of them back. Prints how they
stand.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from contextlib import closing
from typing import Any

USAGE = "python -m services.acquirer.turn [default | latency_ms=500 error_rate=1 ...]"


def wanted(present: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """How the knobs are to stand, by the words of the command line.

    Raises:
        ValueError: a word is not name=number.
    """
    if words == ["default"]:
        return {}
    named = (word.partition("=") for word in words)
    return present | {name: json.loads(number) for name, _, number in named}


def _ask(method: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    port = int(os.environ.get("PORT", "8000"))
    headers = {
        "Authorization": f"Bearer {os.environ['ACQUIRER_API_KEY']}",
        "Content-Type": "application/json",
    }
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(
            method, "/knobs", json.dumps(body) if body is not None else None, headers
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def main(words: list[str]) -> int:
    """0 done; 2 the words make no sense."""
    status, knobs = _ask("GET")
    try:
        if words:
            status, knobs = _ask("PUT", wanted(knobs, words))
    except ValueError:
        sys.stderr.write(USAGE + "\n")
        return 2
    sys.stdout.write(json.dumps(knobs, indent=2) + "\n")
    return 0 if status == http.client.OK else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
