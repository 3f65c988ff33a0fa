"""Structured logs: one JSON object a line on standard output, of a bounded volume."""

import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MAX_BURST: Final = 600
MAX_BURST_WITH_TRACEBACK: Final = 10
REFILL_SECONDS: Final = 60.0
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """Formats a record as time (ISO 8601, UTC), level, logger and message, then the fields passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS},
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


@dataclass
class _Bucket:
    tokens: float
    refilled: float
    omitted: int = 0


class RateLimit(logging.Filter):
    """Lets pass a burst of records of each kind and as many again in REFILL_SECONDS; says how many were omitted.

    A kind is a logger, a level, and whether there is a traceback: MAX_BURST without, MAX_BURST_WITH_TRACEBACK with one.
    The first record that passes again has the number of those before it as `omitted`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._buckets: dict[tuple[str, int, bool], _Bucket] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, traceback = self._clock(), bool(record.exc_info)
        burst = MAX_BURST_WITH_TRACEBACK if traceback else MAX_BURST
        bucket = self._buckets.setdefault((record.name, record.levelno, traceback), _Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.refilled) * burst / REFILL_SECONDS)
        bucket.refilled = now
        if bucket.tokens < 1:
            bucket.omitted += 1
            return False
        bucket.tokens -= 1
        if bucket.omitted:
            record.omitted = bucket.omitted
            bucket.omitted = 0
        return True


def configure_logging(level: str) -> None:
    """Send records from `level` up, uvicorn's included, to standard output, within the bounds of RateLimit."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(RateLimit())
    logging.basicConfig(level=level, handlers=[handler], force=True)
