"""Records requests: the worker's counters, the access log and the request id."""

import logging
import random
import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from model_service.serving.cache import EncodedResponse
from model_service.serving.telemetry.metrics import FIRST_BUCKET, LATENCY_BOUNDS, SLOTS

PROBE_PATHS: Final = frozenset(("/health", "/ready", "/metrics"))

_2XX: Final = SLOTS["responses_2xx"]
_REJECTIONS: Final = SLOTS["rejections"]
_CACHE_HITS: Final = SLOTS["cache_hits"]
_COMPUTED: Final = SLOTS["computed"]
_COLD_STARTS: Final = SLOTS["cold_starts"]
_EMPTY: Final = SLOTS["empty"]
_SCORE_SUM: Final = SLOTS["score_sum"]
_SCORES: Final = SLOTS["scores"]
_BATCHES: Final = SLOTS["batches"]
_LATENCY_SUM: Final = SLOTS["latency_sum"]

_REQUEST_ID_HEADERS: Final = (b"x-request-id", b"x-amzn-trace-id")  # the load balancer sets the second
_VALID_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_MAX_PATH: Final = 200  # characters in the log
_log = logging.getLogger("model_service.access")


class RequestRecorder:
    """Counts requests in one worker's row of the metrics and writes the access log."""

    def __init__(self, row: "memoryview[float]", *, sample_every: int = 1) -> None:
        """sample_every: of the successful fast-path responses one in so many is logged; 0 logs none."""
        self._row = row
        self._sample_every = self._until_sample = sample_every

    def use_row(self, row: "memoryview[float]") -> None:
        """Count in `row` from now on: a forked worker has a row of its own."""
        self._row = row

    def record_response(self, method: str, path: str, status: int, seconds: float, request_id: bytes) -> None:
        """Count a response and log it; probes are not counted, and logged at DEBUG."""
        probe = path in PROBE_PATHS
        if not probe:
            self.count_response(status, seconds)
        level = logging.DEBUG if probe else logging.INFO
        if _log.isEnabledFor(level):
            _log.log(level, "request", extra=_access_record(method, path, status, seconds, request_id))

    def record_fast_path(self, status: int, seconds: float, request_id: bytes) -> None:
        """Count a fast-path response; log one in `sample_every` of the successful ones, none of the others."""
        self.count_response(status, seconds)
        if status == 200 and self._sample_every:
            self._until_sample -= 1
            if self._until_sample <= 0:
                self._until_sample = self._sample_every
                record = _access_record("GET", "/", status, seconds, request_id)
                _log.info("request", extra={**record, "one_in": self._sample_every})

    def count_response(self, status: int, seconds: float) -> None:
        """Count a response with `status` (100 to 599) after `seconds`, without a log record."""
        row = self._row
        row[_2XX + min(max(status // 100 - 2, 0), 3)] += 1
        row[_LATENCY_SUM] += seconds
        row[FIRST_BUCKET + bisect_left(LATENCY_BOUNDS, seconds)] += 1

    def record_failure(self, path: str, error: BaseException) -> None:
        """Log why a request ended with a 500."""
        _log.error("a request failed", exc_info=error, extra={"path": path[:_MAX_PATH]})

    def record_cache_hit(self, response: EncodedResponse) -> None:
        """Count a recommendation from the cache."""
        self._row[_CACHE_HITS] += 1
        self._count_scores(response)

    def record_computed(self, response: EncodedResponse) -> None:
        """Count a recommendation that was computed."""
        self._row[_COMPUTED] += 1
        if response.cold_start:
            self._row[_COLD_STARTS] += 1
        self._count_scores(response)

    def record_batch(self) -> None:
        """Count one pass over the item factors."""
        self._row[_BATCHES] += 1

    def record_rejection(self) -> None:
        """Count a request that was rejected because of the load; beside its 503 response."""
        self._row[_REJECTIONS] += 1

    def set_gauge(self, name: str, value: float) -> None:
        """Set one of `metrics.GAUGES`."""
        self._row[SLOTS[name]] = value

    def _count_scores(self, response: EncodedResponse) -> None:
        row = self._row
        row[_SCORES] += response.scores
        row[_SCORE_SUM] += response.score_sum
        if response.empty:
            row[_EMPTY] += 1


def _access_record(method: str, path: str, status: int, seconds: float, request_id: bytes) -> dict[str, object]:
    return {
        "method": method,
        "path": path[:_MAX_PATH],
        "status": status,
        "milliseconds": round(1000 * seconds, 3),
        "request_id": request_id.decode("latin-1"),
    }


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The id of a request in all logs: the client's, else the load balancer's, else 16 random hex digits.

    Values that are not 1 to 128 visible ASCII characters are ignored.
    """
    client = balancer = b""
    for name, value in headers:
        if name == _REQUEST_ID_HEADERS[0]:
            client = value
        elif name == _REQUEST_ID_HEADERS[1]:
            balancer = value
    for candidate in (client, balancer):
        if candidate and _VALID_REQUEST_ID.fullmatch(candidate):
            return candidate
    return b"%016x" % random.getrandbits(64)
