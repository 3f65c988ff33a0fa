"""Dashboard: availability, latency, saturation, model drift. Creates no resource."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from infra.contract import METRICS_NAMESPACE

WIDTH: Final = 12
HEIGHT: Final = 6

Series = tuple[str, str, Mapping[str, str], str]
"""Namespace, metric, dimensions and statistic."""


def dashboard_body(
    *,
    region: str,
    load_balancer: Mapping[str, str],
    target_group: Mapping[str, str],
    service: Mapping[str, str],
    model: Mapping[str, str],
    alarm_arns: Sequence[str],
) -> str:
    """The dashboard as JSON: the alarms in the first row, then two graphs a row.

    Source: "Dashboard body structure and syntax" (docs.aws.amazon.com, CloudWatch API reference)
    """
    elb = "AWS/ApplicationELB"
    latency: list[Series] = [(elb, "TargetResponseTime", target_group, stat) for stat in ("p50", "p95", "p99")]
    targets: list[Series] = [
        (elb, name, target_group, "Maximum") for name in ("HealthyHostCount", "UnHealthyHostCount")
    ]
    requests: list[Series] = [
        (elb, name, load_balancer, "Sum")
        for name in ("RequestCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_4XX_Count")
    ]
    utilisation: list[Series] = [
        ("AWS/ECS", name, service, "Average") for name in ("CPUUtilization", "MemoryUtilization")
    ]
    graphs = (
        ("Requests and errors, a minute", requests),
        ("Latency at the load balancer, s", latency),
        ("Targets", targets),
        ("CPU and memory used, %", utilisation),
        ("Model responses, a minute", _of_model(model, "Sum", "Requests", "Errors", "EmptyResponses")),
        ("Cold starts and rejections, a minute", _of_model(model, "Sum", "ColdStarts", "Rejections")),
        (
            "Latency in the model service, ms",
            [*_of_model(model, "p50", "Latency"), *_of_model(model, "p95", "Latency")],
        ),
        ("Predicted ratings, stars", _of_model(model, "Average", "ScoreMean", "ScoreDrift")),
    )
    alarms = {
        "type": "alarm",
        "x": 0,
        "y": 0,
        "width": 2 * WIDTH,
        "height": HEIGHT // 2,
        "properties": {"title": "Alarms", "alarms": list(alarm_arns)},
    }
    widgets = [alarms, *(_graph(position, title, series, region) for position, (title, series) in enumerate(graphs))]
    return json.dumps({"widgets": widgets}, sort_keys=True)


def _of_model(model: Mapping[str, str], stat: str, *names: str) -> list[Series]:
    return [(METRICS_NAMESPACE, name, model, stat) for name in names]


def _graph(position: int, title: str, series: Sequence[Series], region: str) -> dict[str, Any]:
    metrics = [
        [
            namespace,
            name,
            *(part for pair in dimensions.items() for part in pair),
            {"stat": stat, "label": _label(name, stat)},
        ]
        for namespace, name, dimensions, stat in series
    ]
    return {
        "type": "metric",
        "x": position % 2 * WIDTH,
        "y": HEIGHT // 2 + position // 2 * HEIGHT,
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {"title": title, "region": region, "period": 60, "view": "timeSeries", "metrics": metrics},
    }


def _label(name: str, stat: str) -> str:
    return f"{name} {stat}" if stat.startswith("p") else name
