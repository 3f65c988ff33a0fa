"""The capacity of the service: Fargate, a share of it on Fargate Spot, or EC2 instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input, Subnets
from infra.config.image import CpuArchitecture
from infra.config.service import ServiceSettings
from infra.service.instances import Instances, InstancesArgs, create_instances

FARGATE_PROVIDERS: Final = ("FARGATE", "FARGATE_SPOT")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The cluster of a service. managed: created here."""

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    managed: bool


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """strategies: those of the service, never with a launch type; wait_for: on what the service must depend.

    instances: None: no instances.
    """

    instances: Instances | None
    strategies: Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs]
    wait_for: Sequence[pulumi.Resource]


def service_cluster(name: str, settings: ServiceSettings, opts: pulumi.ResourceOptions) -> Cluster:
    """The existing cluster of the settings, or one of its own.

    Another launch type is another cluster of its own: the old one keeps its capacity until its service has gone.
    """
    if settings.cluster_arn:
        arn = pulumi.Output.from_input(settings.cluster_arn)
        return Cluster(arn=arn, name=arn.apply(lambda known: known.rpartition("/")[2]), managed=False)
    own = pulumi.ResourceOptions(replacement_trigger=settings.launch_type)
    cluster = aws.ecs.Cluster(f"{name}-cluster", opts=pulumi.ResourceOptions.merge(opts, own))
    return Cluster(arn=cluster.arn, name=cluster.name, managed=True)


def service_capacity(
    name: str,
    settings: ServiceSettings,
    *,
    cluster: Cluster,
    subnets: Subnets,
    cpu_architecture: CpuArchitecture,
    opts: pulumi.ResourceOptions,
) -> Capacity:
    """Create the capacity of a cluster created here, whose Fargate providers stay whatever the service uses.

    A provider in use cannot be taken off a cluster. The one of the instances never is: another launch type has a
    cluster of its own.
    """
    strategies = fargate_strategies(settings.spot_percent)
    instances = None
    if settings.launch_type == "EC2":
        args = InstancesArgs(
            cluster_name=cluster.name,
            subnets=subnets,
            cpu_architecture=cpu_architecture,
            instance_type=settings.instance_type,
            max_instances=settings.max_instances,
        )
        instances = create_instances(name, args, opts)
        strategies = [_strategy(instances.provider, weight=1)]
    if not cluster.managed:
        return Capacity(instances=None, strategies=strategies, wait_for=[])
    providers = aws.ecs.ClusterCapacityProviders(
        f"{name}-capacity",
        cluster_name=cluster.name,
        capacity_providers=[*FARGATE_PROVIDERS, *([instances.provider] if instances else [])],
        opts=opts,
    )
    return Capacity(instances=instances, strategies=strategies, wait_for=[providers])


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
