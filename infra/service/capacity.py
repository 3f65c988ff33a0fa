"""The capacity of the service: Fargate, a share of it on Fargate Spot, or EC2 instances."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input, Subnets
from infra.config.image import CpuArchitecture
from infra.config.service import ServiceSettings
from infra.service.instances import InstancesArgs, instance_provider

FARGATE_PROVIDERS: Final = ("FARGATE", "FARGATE_SPOT")


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """strategies: those of the service, never with a launch type; wait_for: on what the service must depend."""

    strategies: Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs]
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
    """Create the capacity of the cluster, whose Fargate providers stay whatever the service uses.

    A provider in use cannot be taken off a cluster. The one of the instances never is: another launch type has a
    cluster of its own.
    """
    strategies = fargate_strategies(settings.spot_percent)
    instances: list[pulumi.Output[str]] = []
    if settings.launch_type == "EC2":
        args = InstancesArgs(
            cluster_name=cluster.name,
            subnets=subnets,
            cpu_architecture=cpu_architecture,
            instance_type=settings.instance_type,
            max_instances=settings.max_instances,
        )
        provider = instance_provider(name, args, opts).name
        strategies, instances = [_strategy(provider, weight=1)], [provider]
    providers = aws.ecs.ClusterCapacityProviders(
        f"{name}-capacity",
        cluster_name=cluster.name,
        capacity_providers=[*FARGATE_PROVIDERS, *instances],
        opts=opts,
    )
    return Capacity(strategies=strategies, wait_for=[providers])


def fargate_strategies(spot_percent: int) -> Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs]:
    """Spot for its share of the tasks; the first task is on demand unless all are on Spot."""
    on_demand, spot = FARGATE_PROVIDERS
    shares = [_strategy(spot, weight=spot_percent)] if spot_percent else []
    if spot_percent == 100:
        return shares
    return [_strategy(on_demand, weight=100 - spot_percent, base=1), *shares]


def _strategy(
    provider: Input[str], *, weight: int, base: int | None = None
) -> aws.ecs.ServiceCapacityProviderStrategyArgs:
    return aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=provider, weight=weight, base=base)
