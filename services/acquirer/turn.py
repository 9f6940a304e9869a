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

USAGE = 'make acquirer KNOBS="latency_ms=500 error_rate=1", or KNOBS=default'


class NoKnob(ValueError):
    """The words make no sense; the message is for a person."""


def wanted(present: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """How the knobs are to stand, by the words of the command line.

    Raises:
        NoKnob: a word is not name=number, or there is no such knob.
    """
    if words == ["default"]:
        return {}
    return present | dict(_knob(present, word) for word in words)


def _knob(present: dict[str, Any], word: str) -> tuple[str, int | float]:
    name, _, text = word.partition("=")
    if name not in present:
        raise NoKnob(f"{name}: there is no such knob; there are {', '.join(present)}")
    try:
        number = json.loads(text)
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise NoKnob(f"{word}: a number is needed, such as {name}={present[name]}")
    return name, number


def refusal(answer: dict[str, Any]) -> str:
    """What the acquirer has against them, in lines for a person, from its problem document."""
    errors = answer.get("errors") or []
    lines = [f"{error['field']}: {error['message']}" for error in errors]
    return "\n".join(lines) or str(answer.get("detail") or answer)


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
    """0 done; 1 it does not answer, or not its database; 2 the words make no sense."""
    try:
        status, answer = _ask("GET")
        if status == http.client.OK and words:
            status, answer = _ask("PUT", wanted(answer, words))
    except NoKnob as error:
        sys.stderr.write(f"{error}\n{USAGE}\n")
        return 2
    except (OSError, http.client.HTTPException, ValueError) as error:
        sys.stderr.write(f"the acquirer does not answer: {error!r}\n")
        return 1
    if status == http.client.OK:
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
        return 0
    if status < http.client.INTERNAL_SERVER_ERROR:
        sys.stderr.write(f"{refusal(answer)}\n{USAGE}\n")
        return 2
    sys.stderr.write(f"the acquirer cannot: {refusal(answer)}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
