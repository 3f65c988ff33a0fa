"""The metrics as lines that CloudWatch Logs turns into CloudWatch metrics: no agent, no call in a request's path.

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
    "Overloaded": "Count",
    "Latency": "Milliseconds",
    "EmptyAnswers": "Count",
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
    milliseconds: int,
) -> str:
    """One line for what `reading` counted, dated `milliseconds` after the epoch.

    Latency is at most 100 values that stand for all, so its percentiles are right and its count is not: that is
    Requests. ScoreMean, the mean predicted rating in stars, and ScoreDrift, its distance from `expected_score`, are
    there only when something was recommended.
    """
    values: dict[str, Any] = {
        "Requests": reading.requests,
        "Errors": reading["answered_5xx"] - reading["overloaded"],
        "Overloaded": reading["overloaded"],
        "EmptyAnswers": reading["empty"],
        "ColdStarts": reading["cold_starts"],
    }
    if latencies := [round(1000 * seconds, 3) for seconds in reading.latency_sample(_MAX_VALUES)]:
        values["Latency"] = latencies
    if reading["scores"]:
        values["ScoreMean"] = round(reading["score_sum"] / reading["scores"], 4)
        if expected_score is not None:
            values["ScoreDrift"] = round(values["ScoreMean"] - expected_score, 4)
    metrics = [{"Name": name, "Unit": _UNITS[name]} for name in values]
    directive = {"Namespace": namespace, "Dimensions": [["Service", "ModelVersion"]], "Metrics": metrics}
    envelope = {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": envelope, "Service": service, "ModelVersion": model_version, **values})


class Reporter:
    """Writes one line a minute to standard output, for as long as somebody calls `tick`."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        namespace: str,
        service: str,
        model_version: str,
        expected_score: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._namespace, self._service, self._model_version = namespace, service, model_version
        self._expected_score = expected_score
        self._clock = clock
        self._before = metrics.read()
        self._due = clock() + PERIOD_SECONDS

    def tick(self) -> None:
        """Write the line when a minute has passed since the last one."""
        if self._clock() >= self._due:
            self._due += PERIOD_SECONDS
            self.write()

    def write(self) -> None:
        """Write what was counted since the last line, at once."""
        now = self._metrics.read()
        line = embedded_metrics(
            now.since(self._before),
            namespace=self._namespace,
            service=self._service,
            model_version=self._model_version,
            expected_score=self._expected_score,
            milliseconds=int(time.time() * 1000),
        )
        self._before = now
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), f"{line}\n".encode())
