"""One JSON object a line on standard output, with the request and trace it belongs to."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from chassis.context import current_request

if TYPE_CHECKING:
    from chassis.config import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """What is passed as `extra` becomes fields of the line."""

    def __init__(self, **always: str) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._always,
        }
        request = current_request.get()
        if request is not None:
            line["request_id"] = request.request_id
            line["trace_id"] = request.trace.trace_id
        line.update({k: v for k, v in vars(record).items() if k not in _STANDARD})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure(settings: Settings) -> None:
    """Sends all logging to standard output; libraries speak from WARNING up.

    kafka-python says each refused connection in several ERROR lines; the bus says it in one.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(instance=settings.instance, zone=settings.zone))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for noisy in ("asyncio", "uvicorn"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
