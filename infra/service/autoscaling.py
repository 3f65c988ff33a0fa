"""Application Auto Scaling of the service: target tracking, scheduled minimums, working hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input
from infra.config.service import ServiceSettings, WorkingHours

SCALE_OUT_COOLDOWN_SECONDS: Final = 30
SCALE_IN_COOLDOWN_SECONDS: Final = 300


def autoscale(
    name: str,
    settings: ServiceSettings,
    *,
    cluster_name: Input[str],
    service_name: Input[str],
    request_label: Input[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Keep the service's number of tasks within bounds, and scale it by load and schedule if the settings say so.

    Registering the bounds moves a count that is outside of them, such as the one that a removed schedule or maxCount
    left. Source: https://docs.aws.amazon.com/autoscaling/application/userguide/getting-started.html ("Application Auto
    Scaling concepts"). request_label: of the metric that counts the target group's requests.
    """
    # Schedules change both bounds, which a deployment leaves alone unless the settings behind them change. Then the
    # target is registered anew; the old one goes first, since both have the same identity.
    ignored = ["minCapacity", "maxCapacity"] if settings.scales_by_schedule else None
    own = pulumi.ResourceOptions(
        ignore_changes=ignored, replacement_trigger=_bounds(settings), delete_before_replace=True
    )
    target = aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", cluster_name, "/", service_name),
        min_capacity=settings.desired_count,
        max_capacity=settings.most_tasks,
        opts=pulumi.ResourceOptions.merge(opts, own),
    )
    for role, (metric, goal) in _targets(settings).items():
        _track(name, role, target, metric, goal, request_label if role == "requests" else None, opts)
    for minimum in settings.scheduled_minimums:
        bounds = minimum.min_count, settings.most_tasks
        _schedule(name, minimum.name, target, minimum.schedule, minimum.timezone, bounds, opts)
    if hours := settings.hours:
        open_bounds = settings.desired_count, settings.most_tasks
        _schedule(name, "open", target, _cron(hours, hours.start), hours.timezone, open_bounds, opts)
        _schedule(name, "close", target, _cron(hours, hours.end), hours.timezone, (0, 0), opts)


def _bounds(settings: ServiceSettings) -> Sequence[object]:
    """What determines the bounds where a schedule changes them; empty where the target's own inputs do."""
    if not settings.scales_by_schedule:
        return []
    minimums = [f"{one.schedule} {one.timezone} {one.min_count}" for one in settings.scheduled_minimums]
    return [settings.desired_count, settings.most_tasks, settings.working_hours, *minimums]


def _targets(settings: ServiceSettings) -> Mapping[str, tuple[str, int]]:
    """Metric and target value of each target tracking policy."""
    targets = {
        "cpu": ("ECSServiceAverageCPUUtilization", settings.cpu_target_percent),
        "memory": ("ECSServiceAverageMemoryUtilization", settings.memory_target_percent),
        "requests": ("ALBRequestCountPerTarget", settings.requests_per_target),
    }
    return {role: target for role, target in targets.items() if settings.max_count and target[1]}


def _track(
    name: str,
    role: str,
    target: aws.appautoscaling.Target,
    metric: str,
    goal: int,
    label: Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> None:
    aws.appautoscaling.Policy(
        f"{name}-scaling-{role}",
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            predefined_metric_specification=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                predefined_metric_type=metric, resource_label=label
            ),
            target_value=goal,
            scale_out_cooldown=SCALE_OUT_COOLDOWN_SECONDS,
            scale_in_cooldown=SCALE_IN_COOLDOWN_SECONDS,
        ),
        opts=opts,
    )


def _schedule(
    name: str,
    role: str,
    target: aws.appautoscaling.Target,
    schedule: str,
    timezone: str,
    bounds: tuple[int, int],
    opts: pulumi.ResourceOptions,
) -> None:
    aws.appautoscaling.ScheduledAction(
        f"{name}-scaling-at-{role}",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        schedule=schedule,
        timezone=timezone,
        scalable_target_action=aws.appautoscaling.ScheduledActionScalableTargetActionArgs(
            min_capacity=bounds[0], max_capacity=bounds[1]
        ),
        opts=opts,
    )


def _cron(hours: WorkingHours, moment: str) -> str:
    hour, minute = moment.split(":")
    return f"cron({int(minute)} {int(hour)} ? * {hours.days} *)"
