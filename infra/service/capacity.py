"""The capacity of the service: Fargate, a share of it on Fargate Spot, or EC2 instances."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.args import Input, Subnets
from infra.config.image import CpuArchitecture
from infra.config.service import ServiceSettings
from infra.service.instances import InstancesArgs, instance_provider


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """A launch type or capacity provider strategies, never both; wait_for: on what the service must depend."""

    launch_type: str | None
    strategies: Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs] | None
    wait_for: Sequence[pulumi.Resource]


def service_capacity(
    name: str,
    settings: ServiceSettings,
    *,
    cluster: aws.ecs.Cluster,
    subnets: Subnets,
    cpu_architecture: CpuArchitecture,
    opts: pulumi.ResourceOptions,
) -> Capacity:
    """Create the capacity of the cluster, where it is more than plain Fargate."""
    if settings.launch_type == "EC2":
        args = InstancesArgs(
            cluster_name=cluster.name,
            subnets=subnets,
            cpu_architecture=cpu_architecture,
            instance_type=settings.instance_type,
            max_instances=settings.max_instances,
        )
        provider = instance_provider(name, args, opts)
        return _with_strategies(name, cluster, [_strategy(provider.name, weight=1)], opts)
    if settings.spot_percent:
        return _with_strategies(name, cluster, fargate_strategies(settings.spot_percent), opts)
    return Capacity(launch_type="FARGATE", strategies=None, wait_for=[])


def fargate_strategies(spot_percent: int) -> Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs]:
    """Spot for its share of the tasks; the first task is on demand unless all are on Spot."""
    spot = _strategy("FARGATE_SPOT", weight=spot_percent)
    return [spot] if spot_percent == 100 else [_strategy("FARGATE", weight=100 - spot_percent, base=1), spot]


def _with_strategies(
    name: str,
    cluster: aws.ecs.Cluster,
    strategies: Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs],
    opts: pulumi.ResourceOptions,
) -> Capacity:
    providers = aws.ecs.ClusterCapacityProviders(
        f"{name}-capacity",
        cluster_name=cluster.name,
        capacity_providers=[strategy.capacity_provider for strategy in strategies],
        opts=opts,
    )
    return Capacity(launch_type=None, strategies=strategies, wait_for=[providers])


def _strategy(
    provider: Input[str], *, weight: int, base: int | None = None
) -> aws.ecs.ServiceCapacityProviderStrategyArgs:
    return aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=provider, weight=weight, base=base)
