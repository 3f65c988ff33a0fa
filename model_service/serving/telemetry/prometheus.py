"""Prometheus exporter: the metrics in the text exposition format.

Source: "Exposition formats", https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from typing import Final

from model_service.serving.telemetry.metrics import LATENCY_BOUNDS, Reading

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_COUNTERS: Final = (
    ("rejections", "recommender_rejections_total", "Requests rejected because the queue was full."),
    ("cache_hits", "recommender_cache_hits_total", "Recommendations served from the response cache."),
    ("computed", "recommender_computed_total", "Recommendations that were computed."),
    ("batches", "recommender_batches_total", "Passes over the item factors."),
    ("cold_starts", "recommender_cold_starts_total", "Recommendations for users who are not in the data."),
    ("empty", "recommender_empty_responses_total", "Recommendations without an item."),
    ("score_sum", "recommender_score_stars_sum", "Sum of the predicted ratings in responses, in stars."),
    ("scores", "recommender_score_stars_count", "Number of predicted ratings in responses."),
)
_GAUGES: Final = (
    ("connections", "recommender_connections", "Open connections."),
    ("queue_size", "recommender_queue_size", "Requests queued for a pass over the item factors."),
    ("cache_bytes", "recommender_cache_bytes", "Memory of the response caches of all workers."),
)


def exposition(reading: Reading, model_version: str) -> bytes:
    """All metrics, summed over the workers; the model's version is the label of `recommender_model_info`."""
    lines = [
        "# HELP recommender_model_info The model in use.",
        "# TYPE recommender_model_info gauge",
        f'recommender_model_info{{version="{model_version}"}} 1',
        "# HELP recommender_requests_total Responses by status class, without probes.",
        "# TYPE recommender_requests_total counter",
        *(f'recommender_requests_total{{status="{d}xx"}} {reading[f"responses_{d}xx"]:.0f}' for d in "2345"),
    ]
    for kind, table in (("counter", _COUNTERS), ("gauge", _GAUGES)):
        for name, exposed, text in table:
            lines += [f"# HELP {exposed} {text}", f"# TYPE {exposed} {kind}", f"{exposed} {reading[name]:.10g}"]
    return ("\n".join([*lines, *_histogram(reading)]) + "\n").encode()


def _histogram(reading: Reading) -> list[str]:
    name = "recommender_request_seconds"
    lines = [f"# HELP {name} Seconds from the first byte of a request to its response.", f"# TYPE {name} histogram"]
    below = 0.0
    for bound, count in zip((*LATENCY_BOUNDS, float("inf")), reading.buckets, strict=True):
        below += count
        label = "+Inf" if bound == float("inf") else f"{bound:.4g}"
        lines.append(f'{name}_bucket{{le="{label}"}} {below:.0f}')
    return [*lines, f"{name}_sum {reading['latency_sum']:.10g}", f"{name}_count {below:.0f}"]
