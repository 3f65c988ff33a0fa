"""More tasks when they are busy, fewer when they are not."""

from typing import Final

import pulumi
import pulumi_aws as aws

SCALE_OUT_COOLDOWN_SECONDS: Final = 30
SCALE_IN_COOLDOWN_SECONDS: Final = 300


def track_cpu(
    name: str,
    *,
    cluster_name: pulumi.Input[str],
    service_name: pulumi.Input[str],
    fewest: int,
    most: int,
    target_percent: int,
    opts: pulumi.ResourceOptions,
) -> None:
    """Keep the service's mean CPU use near `target_percent` with `fewest` to `most` tasks."""
    target = aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", cluster_name, "/", service_name),
        min_capacity=fewest,
        max_capacity=most,
        opts=opts,
    )
    aws.appautoscaling.Policy(
        f"{name}-scaling-cpu",
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            predefined_metric_specification=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                predefined_metric_type="ECSServiceAverageCPUUtilization"
            ),
            target_value=target_percent,
            scale_out_cooldown=SCALE_OUT_COOLDOWN_SECONDS,
            scale_in_cooldown=SCALE_IN_COOLDOWN_SECONDS,
        ),
        opts=opts,
    )
