"""What the service's tasks run on: Fargate, a share of it on Spot, or machines of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.config.settings import CpuArchitecture
from infra.config.settings_tasks import CapacitySettings
from infra.service.instances import InstancesArgs, instance_provider


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """How a service names what it runs on: by launch type or by strategies, never by both.

    wait_for: what must be there before the service, and go after it.
    """

    launch_type: str | None
    strategies: Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs] | None
    wait_for: Sequence[pulumi.Resource]


def service_capacity(
    name: str,
    settings: CapacitySettings,
    *,
    cluster: aws.ecs.Cluster,
    vpc_id: pulumi.Input[str],
    subnet_ids: pulumi.Input[Sequence[str]],
    assign_public_ip: bool,
    cpu_architecture: CpuArchitecture,
    opts: pulumi.ResourceOptions,
) -> Capacity:
    """Tell the cluster what it may run tasks on, where that is more than plain Fargate."""
    if settings.launch_type == "EC2":
        args = InstancesArgs(
            cluster_name=cluster.name,
            vpc_id=vpc_id,
            subnet_ids=subnet_ids,
            assign_public_ip=assign_public_ip,
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
    """Spot for its share of the tasks, and the first one never on Spot unless all are."""
    spot = _strategy("FARGATE_SPOT", weight=spot_percent)
    return [spot] if spot_percent == 100 else [_strategy("FARGATE", weight=100 - spot_percent, base=1), spot]


def _with_strategies(
    name: str,
    cluster: aws.ecs.Cluster,
    strategies: Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs],
    opts: pulumi.ResourceOptions,
) -> Capacity:
    offered = aws.ecs.ClusterCapacityProviders(
        f"{name}-capacity",
        cluster_name=cluster.name,
        capacity_providers=[strategy.capacity_provider for strategy in strategies],
        opts=opts,
    )
    return Capacity(launch_type=None, strategies=strategies, wait_for=[offered])


def _strategy(
    provider: pulumi.Input[str], *, weight: int, base: int | None = None
) -> aws.ecs.ServiceCapacityProviderStrategyArgs:
    return aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=provider, weight=weight, base=base)
