"""The API's description as a page for a person: plain HTML, nothing loaded from elsewhere. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

Json = Any  # an OpenAPI document as orjson reads it

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
details { border-bottom: 1px solid #8885; padding: .4rem 0 }
summary { cursor: pointer }
code, pre { font: .875rem/1.4 ui-monospace, monospace }
pre { overflow-x: auto; padding: .6rem; background: #8881; border-radius: .3rem }
.method { display: inline-block; width: 4.5rem; font-weight: 700 }
.note { opacity: .7; margin-left: .8rem }
"""


def page(document: Json) -> str:
    """One line a call, which opens to show what it takes and gives."""
    info = document["info"]
    title = escape(info["title"])
    calls = "\n".join(
        _call(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "\n".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"{_json(schema)}</details>"
        for name, schema in document["components"]["schemas"].items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}: API</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p>{escape(info["description"])} For programs: <a href="/openapi.json">openapi.json</a>.</p>
<h2>Calls</h2>
{calls or "<p>No service has answered yet.</p>"}
<h2>Schemas</h2>
{schemas}
</body>
</html>
"""


def _call(method: str, path: str, operation: Json) -> str:
    signed_in = '<span class="note">signed in</span>' if "security" in operation else ""
    body = "".join(_parts(operation))
    return (
        f'<details><summary><span class="method">{escape(method.upper())}</span>'
        f"<code>{escape(path)}</code>{signed_in}"
        f'<span class="note">{escape(operation.get("summary", ""))}</span></summary>'
        f"{body}</details>"
    )


def _parts(operation: Json) -> Iterator[str]:
    if text := operation.get("description"):
        yield f"<p>{escape(text)}</p>"
    for name, what in [
        ("Parameters", operation.get("parameters")),
        ("Body", _schema(operation.get("requestBody", {}))),
    ]:
        if what:
            yield f"<h4>{name}</h4>{_json(what)}"
    for status, answer in operation.get("responses", {}).items():
        note = escape(answer.get("description", ""))
        yield f"<h4>{escape(status)} <span class='note'>{note}</span></h4>"
        if schema := _schema(answer):
            yield _json(schema)


def _schema(content: Json) -> Json:
    """The schema of a body's only media type."""
    for media in content.get("content", {}).values():
        return media.get("schema")
    return None


def _json(value: Json) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
