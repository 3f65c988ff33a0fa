"""More tasks when they are busy or the clock says so, fewer when they are not, none when nobody works."""

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.config.settings_tasks import ScalingSettings, WorkingHours

SCALE_OUT_COOLDOWN_SECONDS: Final = 30
SCALE_IN_COOLDOWN_SECONDS: Final = 300


def autoscale(
    name: str,
    settings: ScalingSettings,
    *,
    desired_count: int,
    cluster_name: pulumi.Input[str],
    service_name: pulumi.Input[str],
    request_label: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Let the number of the service's tasks follow the load and the clock, if it is to.

    desired_count: the fewest tasks, where the clock says nothing else.
    request_label: of the metric that counts the target group's requests.
    """
    if not settings.on:
        return
    most = max(settings.max_count, desired_count, *(floor.fewest for floor in settings.scheduled_minimums), 0)
    # The clock moves both bounds; a deployment at noon must not bring back those of the night.
    by_clock = pulumi.ResourceOptions(ignore_changes=["minCapacity", "maxCapacity"] if settings.scheduled else None)
    target = aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", cluster_name, "/", service_name),
        min_capacity=desired_count,
        max_capacity=most,
        opts=pulumi.ResourceOptions.merge(opts, by_clock),
    )
    for role, (metric, aim) in _aims(settings).items():
        _track(name, role, target, metric, aim, request_label if role == "requests" else None, opts)
    for floor in settings.scheduled_minimums:
        _at(name, floor.name, target, floor.schedule, floor.timezone, floor.fewest, most, opts)
    if hours := settings.working_hours:
        _at(name, "open", target, _cron(hours, hours.start), hours.timezone, desired_count, most, opts)
        _at(name, "close", target, _cron(hours, hours.end), hours.timezone, 0, 0, opts)


def _aims(settings: ScalingSettings) -> Mapping[str, tuple[str, int]]:
    aims = {
        "cpu": ("ECSServiceAverageCPUUtilization", settings.cpu_target_percent),
        "memory": ("ECSServiceAverageMemoryUtilization", settings.memory_target_percent),
        "requests": ("ALBRequestCountPerTarget", settings.requests_per_target),
    }
    return {role: aim for role, aim in aims.items() if settings.max_count and aim[1]}


def _track(
    name: str,
    role: str,
    target: aws.appautoscaling.Target,
    metric: str,
    aim: int,
    label: pulumi.Input[str] | None,
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
            target_value=aim,
            scale_out_cooldown=SCALE_OUT_COOLDOWN_SECONDS,
            scale_in_cooldown=SCALE_IN_COOLDOWN_SECONDS,
        ),
        opts=opts,
    )


def _at(
    name: str,
    role: str,
    target: aws.appautoscaling.Target,
    schedule: str,
    timezone: str,
    fewest: int,
    most: int,
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
            min_capacity=fewest, max_capacity=most
        ),
        opts=opts,
    )


def _cron(hours: WorkingHours, moment: str) -> str:
    hour, minute = moment.split(":")
    return f"cron({int(minute)} {int(hour)} ? * {hours.days} *)"
