"""The metrics in Prometheus's text format.

Source: "Exposition formats", https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from typing import Final

from model_service.serving.telemetry.metrics import LATENCY_BOUNDS, Reading

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_COUNTERS: Final = (
    ("overloaded", "recommender_overloaded_total", "Requests turned away because too many were waiting."),
    ("kept", "recommender_answers_kept_total", "Recommendations that were ready before they were asked for."),
    ("computed", "recommender_answers_computed_total", "Recommendations that were computed."),
    ("batches", "recommender_batches_total", "Passes over the item factors."),
    ("cold_starts", "recommender_cold_starts_total", "Answers to users who are not in the data."),
    ("empty", "recommender_empty_answers_total", "Recommendations without a film."),
    ("score_sum", "recommender_score_stars_sum", "Sum of the predicted ratings that were told, in stars."),
    ("scores", "recommender_score_stars_count", "Predicted ratings that were told."),
)
_GAUGES: Final = (
    ("connections", "recommender_connections", "Open connections."),
    ("waiting", "recommender_waiting", "Requests that wait for a pass over the item factors."),
    ("kept_bytes", "recommender_kept_bytes", "Memory of the answers that are kept, all workers."),
)


def exposition(reading: Reading, model_version: str) -> bytes:
    """All metrics, summed over the workers; the model's version is the label of `recommender_model_info`."""
    lines = [
        "# HELP recommender_model_info The model that answers.",
        "# TYPE recommender_model_info gauge",
        f'recommender_model_info{{version="{model_version}"}} 1',
        "# HELP recommender_requests_total Requests answered, probes left out, by the first digit of the status.",
        "# TYPE recommender_requests_total counter",
        *(f'recommender_requests_total{{status="{d}xx"}} {reading[f"answered_{d}xx"]:.0f}' for d in "2345"),
    ]
    for kind, table in (("counter", _COUNTERS), ("gauge", _GAUGES)):
        for name, exposed, text in table:
            lines += [f"# HELP {exposed} {text}", f"# TYPE {exposed} {kind}", f"{exposed} {reading[name]:.10g}"]
    return ("\n".join([*lines, *_histogram(reading)]) + "\n").encode()


def _histogram(reading: Reading) -> list[str]:
    name = "recommender_request_seconds"
    lines = [f"# HELP {name} From the request's head to its answer.", f"# TYPE {name} histogram"]
    below = 0.0
    for bound, count in zip((*LATENCY_BOUNDS, float("inf")), reading.buckets, strict=True):
        below += count
        label = "+Inf" if bound == float("inf") else f"{bound:.4g}"
        lines.append(f'{name}_bucket{{le="{label}"}} {below:.0f}')
    return [*lines, f"{name}_sum {reading['latency_sum']:.10g}", f"{name}_count {below:.0f}"]
