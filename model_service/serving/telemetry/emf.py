"""CloudWatch exporter: metrics as log lines in embedded metric format (EMF), without an agent or an API call.

Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide (a target member is a number or at
most 100 of them; `Unit` is one of MetricDatum's).
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from model_service.serving.telemetry.metrics import Metrics, Reading

PERIOD_SECONDS: Final = 60.0
_MAX_VALUES: Final = 100
_UNITS: Final = {
    "Requests": "Count",
    "Errors": "Count",
    "Rejections": "Count",
    "Latency": "Milliseconds",
    "EmptyResponses": "Count",
    "ColdStarts": "Count",
    "ScoreMean": "None",
    "ScoreDrift": "None",
}


def embedded_metrics(
    reading: Reading,
    *,
    namespace: str,
    service: str,
    model_version: str,
    expected_score: float | None,
    star_width: float = 1.0,
    milliseconds: int,
) -> str:
    """The log line for `reading`; milliseconds: its timestamp since the epoch.

    Latency holds at most 100 representative values: its percentiles are right, its count is not (use Requests).
    ScoreMean, the mean predicted rating, and ScoreDrift, its difference from `expected_score` in stars of `star_width`,
    are present only if something was recommended.
    """
    values: dict[str, Any] = {
        "Requests": reading.requests,
        "Errors": reading["responses_5xx"] - reading["rejections"],
        "Rejections": reading["rejections"],
        "EmptyResponses": reading["empty"],
        "ColdStarts": reading["cold_starts"],
    }
    if latencies := [round(1000 * seconds, 3) for seconds in reading.latency_sample(_MAX_VALUES)]:
        values["Latency"] = latencies
    if reading["scores"]:
        values["ScoreMean"] = round(reading["score_sum"] / reading["scores"], 4)
        if expected_score is not None:
            values["ScoreDrift"] = round((values["ScoreMean"] - expected_score) / star_width, 4)
    metrics = [{"Name": name, "Unit": _UNITS[name]} for name in values]
    directive = {"Namespace": namespace, "Dimensions": [["Service", "ModelVersion"]], "Metrics": metrics}
    envelope = {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": envelope, "Service": service, "ModelVersion": model_version, **values})


class EmfReporter:
    """Writes one line a minute to standard output; `tick` has to be called at least as often."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        namespace: str,
        service: str,
        model_version: str,
        expected_score: float | None = None,
        star_width: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._namespace, self._service, self._model_version = namespace, service, model_version
        self._expected_score, self._star_width = expected_score, star_width
        self._clock = clock
        self._last = metrics.read()
        self._next_write = clock() + PERIOD_SECONDS

    def tick(self) -> None:
        """Write a line if a minute has passed since the last one."""
        if self._clock() >= self._next_write:
            self._next_write += PERIOD_SECONDS
            self.write()

    def write(self) -> None:
        """Write a line for everything since the last one."""
        now = self._metrics.read()
        line = embedded_metrics(
            now.since(self._last),
            namespace=self._namespace,
            service=self._service,
            model_version=self._model_version,
            expected_score=self._expected_score,
            star_width=self._star_width,
            milliseconds=int(time.time() * 1000),
        )
        self._last = now
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), f"{line}\n".encode())
