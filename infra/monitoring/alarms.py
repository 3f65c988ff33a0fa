"""Alarm definitions as data: metrics, expression, threshold, periods. Creates no resource.

Sources: "CloudWatch metrics for your Application Load Balancer", "Amazon ECS CloudWatch metrics", "Using math
expressions with CloudWatch metrics" (docs.aws.amazon.com).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pulumi import Input

from infra.contract import METRICS_NAMESPACE

Dimensions = Mapping[str, Input[str]]
Comparison = Literal["GreaterThanThreshold", "LessThanThreshold"]

MIN_REQUESTS: Final = 20
"""Requests a minute below which a rate or percentile is not evaluated."""
ERROR_PERCENT: Final = 1.0
EMPTY_PERCENT: Final = 5.0
DRIFT_STARS: Final = 0.5
BUSY_PERCENT: Final = 90.0


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A CloudWatch metric and the statistic of its one-minute periods."""

    namespace: str
    name: str
    stat: str
    dimensions: Dimensions


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A threshold on an expression over metrics, breached in `breaching` of the last `minutes` minutes.

    role: suffix of the alarm's name. metrics: by their names in `expression`. missing_is_bad: missing data breaches.
    """

    role: str
    description: str
    metrics: Mapping[str, Metric]
    expression: str
    comparison: Comparison
    threshold: float
    minutes: int = 5
    breaching: int = 3
    missing_is_bad: bool = False


def endpoint_alarms(*, load_balancer: Dimensions, target_group: Dimensions, latency_ms: int) -> Sequence[Alarm]:
    """Alarms on errors and latency, as users experience them."""
    requests = _load_balancer_metric("RequestCount", load_balancer)
    target_5xx = _load_balancer_metric("HTTPCode_Target_5XX_Count", load_balancer)
    load_balancer_5xx = _load_balancer_metric("HTTPCode_ELB_5XX_Count", load_balancer)
    # Requests for which there was no healthy target are counted as the balancer's errors alone.
    total = "(FILL(requests, 0) + FILL(balancer_errors, 0))"
    failed = "(FILL(target_errors, 0) + FILL(balancer_errors, 0))"
    latency = Metric(namespace="AWS/ApplicationELB", name="TargetResponseTime", stat="p95", dimensions=target_group)
    return (
        Alarm(
            role="errors",
            description=f"More than {ERROR_PERCENT:g} % of the requests end with a 5xx status",
            metrics={"requests": requests, "target_errors": target_5xx, "balancer_errors": load_balancer_5xx},
            expression=f"IF({total} >= {MIN_REQUESTS}, 100 * {failed} / {total}, 0)",
            comparison="GreaterThanThreshold",
            threshold=ERROR_PERCENT,
        ),
        Alarm(
            role="latency",
            description=f"Five in a hundred requests take longer than {latency_ms} ms",
            metrics={"requests": requests, "seconds": latency},
            expression=f"IF(requests >= {MIN_REQUESTS}, 1000 * seconds, 0)",
            comparison="GreaterThanThreshold",
            threshold=float(latency_ms),
        ),
    )


def service_alarms(*, service: Dimensions, target_group: Dimensions, min_tasks: int) -> Sequence[Alarm]:
    """Alarms on unhealthy or missing tasks and on CPU and memory utilisation.

    min_tasks: the number of tasks at any hour; 0 where there may be none.
    """
    unhealthy = Metric(
        namespace="AWS/ApplicationELB", name="UnHealthyHostCount", stat="Maximum", dimensions=target_group
    )
    healthy = Metric(namespace="AWS/ApplicationELB", name="HealthyHostCount", stat="Maximum", dimensions=target_group)
    missing_tasks = Alarm(
        role="tasks",
        description=f"Fewer than {min_tasks} tasks are healthy: they crash, restart or cannot be placed",
        metrics={"healthy": healthy},
        expression="healthy",
        comparison="LessThanThreshold",
        threshold=float(min_tasks),
        missing_is_bad=True,
    )
    return (
        Alarm(
            role="unhealthy",
            description="A task fails the load balancer's health check",
            metrics={"unhealthy": unhealthy},
            expression="unhealthy",
            comparison="GreaterThanThreshold",
            threshold=0.0,
        ),
        *([missing_tasks] if min_tasks else []),
        _busy("cpu", "CPUUtilization", "The tasks use nearly all of their CPU", service, minutes=15, breaching=10),
        _busy("memory", "MemoryUtilization", "The tasks use nearly all of their memory", service),
    )


def model_alarms(*, model: Dimensions) -> Sequence[Alarm]:
    """Alarms on the model's output: empty recommendations, score drift from training."""
    return (
        Alarm(
            role="empty-answers",
            description=f"More than {EMPTY_PERCENT:g} % of the answers recommend nothing",
            metrics={"requests": _model_metric("Requests", model), "empty": _model_metric("EmptyResponses", model)},
            expression=f"IF(requests >= {MIN_REQUESTS}, 100 * empty / requests, 0)",
            comparison="GreaterThanThreshold",
            threshold=EMPTY_PERCENT,
        ),
        Alarm(
            role="score-drift",
            description=f"The mean predicted rating is more than {DRIFT_STARS:g} stars from that of training",
            metrics={"drift": _model_metric("ScoreDrift", model, stat="Average")},
            expression="ABS(drift)",
            comparison="GreaterThanThreshold",
            threshold=DRIFT_STARS,
            minutes=30,
            breaching=20,
        ),
    )


def _load_balancer_metric(name: str, dimensions: Dimensions) -> Metric:
    return Metric(namespace="AWS/ApplicationELB", name=name, stat="Sum", dimensions=dimensions)


def _model_metric(name: str, dimensions: Dimensions, *, stat: str = "Sum") -> Metric:
    return Metric(namespace=METRICS_NAMESPACE, name=name, stat=stat, dimensions=dimensions)


def _busy(
    role: str, metric: str, description: str, service: Dimensions, *, minutes: int = 5, breaching: int = 5
) -> Alarm:
    return Alarm(
        role=role,
        description=f"{description}: more than {BUSY_PERCENT:g} %",
        metrics={"used": Metric(namespace="AWS/ECS", name=metric, stat="Average", dimensions=service)},
        expression="used",
        comparison="GreaterThanThreshold",
        threshold=BUSY_PERCENT,
        minutes=minutes,
        breaching=breaching,
    )
