"""Where the load balancer and the tasks live: the default VPC, one that is there, or a new one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from infra.config.settings import NatGateways, NetworkSettings
from infra.errors import ConfigError
from infra.network.vpc_endpoints import private_endpoints

AVAILABILITY_ZONES: Final = 2
"""The fewest that a load balancer takes. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
("Application Load Balancers")"""

NAT_STRATEGIES: Final[Mapping[NatGateways, awsx.ec2.NatGatewayStrategy]] = {
    "none": awsx.ec2.NatGatewayStrategy.NONE,
    "single": awsx.ec2.NatGatewayStrategy.SINGLE,
}
"""What is not here, one a zone, is awsx's default."""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Which VPC, and which subnets of it."""

    settings: NetworkSettings


class Network(pulumi.ComponentResource):
    """Subnets for the load balancer, and subnets for the tasks with a way out to ECR and CloudWatch.

    load_balancer_subnet_ids: the public ones; the tasks' own for an internal load balancer.
    assign_public_ip: true where the tasks' only way out is an address of their own. Their security group, not
        the lack of an address, keeps the world away from them.
    """

    vpc_id: pulumi.Output[str]
    load_balancer_subnet_ids: pulumi.Output[Sequence[str]]
    task_subnet_ids: pulumi.Output[Sequence[str]]
    assign_public_ip: bool

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:Network", name, None, opts)
        if args.settings.mode == "new":
            self._make(name, args.settings)
        elif args.settings.mode == "existing":
            self._take(args.settings)
        else:
            self._take_default()
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "balancer_subnet_ids": self.load_balancer_subnet_ids,
                "task_subnet_ids": self.task_subnet_ids,
                "assign_public_ip": self.assign_public_ip,
            }
        )

    def _make(self, name: str, settings: NetworkSettings) -> None:
        """Public subnets for the world, private ones for the tasks, and the chosen ways out of the latter."""
        strategy = NAT_STRATEGIES.get(settings.nat_gateways)
        vpc = awsx.ec2.Vpc(
            f"{name}-vpc",
            enable_dns_hostnames=True,
            number_of_availability_zones=AVAILABILITY_ZONES,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=strategy) if strategy else None,
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            opts=pulumi.ResourceOptions(parent=self),
        )
        if settings.private_services:
            private_endpoints(
                name,
                vpc_id=vpc.vpc_id,
                subnet_ids=vpc.private_subnet_ids,
                services=settings.private_services,
                after=vpc,
                parent=self,
            )
        self.vpc_id = vpc.vpc_id
        self.task_subnet_ids = vpc.private_subnet_ids
        self.load_balancer_subnet_ids = vpc.private_subnet_ids if settings.internal else vpc.public_subnet_ids
        self.assign_public_ip = False

    def _take(self, settings: NetworkSettings) -> None:
        self.vpc_id = pulumi.Output.from_input(settings.vpc_id)
        keys = {"publicSubnetIds": settings.public_subnet_ids, "privateSubnetIds": settings.private_subnet_ids}
        tasks = "privateSubnetIds" if settings.private_subnet_ids else "publicSubnetIds"
        load_balancer = tasks if settings.internal else "publicSubnetIds"
        checked = {
            key: _checked(self, key, settings.vpc_id, keys[key], ipv6=settings.ipv6 and key == load_balancer)
            for key in dict.fromkeys((load_balancer, tasks))
        }
        self.load_balancer_subnet_ids, self.task_subnet_ids = checked[load_balancer], checked[tasks]
        self.assign_public_ip = not settings.private_subnet_ids

    def _take_default(self) -> None:
        vpc_id = _default_vpc_id(self)
        subnets = aws.ec2.get_subnets_output(
            filters=[
                aws.ec2.GetSubnetsFilterArgs(name="vpc-id", values=[vpc_id]),
                aws.ec2.GetSubnetsFilterArgs(name="default-for-az", values=["true"]),
            ],
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        self.vpc_id = pulumi.Output.from_input(vpc_id)
        self.task_subnet_ids = subnets.ids.apply(_enough_default_subnets)
        self.load_balancer_subnet_ids = self.task_subnet_ids
        self.assign_public_ip = True


def _default_vpc_id(parent: pulumi.Resource) -> str:
    """Looked up at once and not as an Output, whose failure could not be put into words."""
    try:
        return aws.ec2.get_vpc(default=True, opts=pulumi.InvokeOptions(parent=parent)).id
    except Exception as error:
        if "no matching" not in str(error):
            raise
        raise ConfigError(
            key="network",
            problem='is "default", but this account has no default VPC in this region; allowed: new, or existing '
            "with vpcId and publicSubnetIds",
            command="pulumi config set network new (or make a default VPC: aws ec2 create-default-vpc)",
        ) from None


def _enough_default_subnets(ids: Sequence[str]) -> Sequence[str]:
    if len(ids) < AVAILABILITY_ZONES:
        raise ConfigError(
            key="network",
            problem=f'is "default", but the default VPC has a default subnet in {len(ids)} availability zones; a '
            f"load balancer needs {AVAILABILITY_ZONES}",
            command="pulumi config set network new (or: aws ec2 create-default-subnet --availability-zone ZONE)",
        )
    return sorted(ids)


def _checked(
    parent: pulumi.Resource, key: str, vpc_id: str, ids: Sequence[str], *, ipv6: bool
) -> pulumi.Output[Sequence[str]]:
    options = pulumi.InvokeOutputOptions(parent=parent)
    subnets = [aws.ec2.get_subnet_output(id=subnet_id, opts=options) for subnet_id in ids]
    places = pulumi.Output.all(
        *[pulumi.Output.all(subnet.vpc_id, subnet.availability_zone, subnet.ipv6_cidr_block) for subnet in subnets]
    )
    return places.apply(lambda found: _check_places(key, vpc_id, ids, found, ipv6=ipv6))


def _check_places(
    key: str, vpc_id: str, ids: Sequence[str], places: Sequence[Sequence[str]], *, ipv6: bool
) -> Sequence[str]:
    command = f"pulumi config set --path '{key}[0]' SUBNET (aws ec2 describe-subnets lists them)"
    strays = [subnet for subnet, (home, *_) in zip(ids, places, strict=True) if home != vpc_id]
    if strays:
        raise ConfigError(key=key, problem=f"has {', '.join(strays)}, not in {vpc_id}", command=command)
    zones = sorted({zone for _, zone, _ in places})
    if len(zones) < AVAILABILITY_ZONES:
        raise ConfigError(
            key=key,
            problem=f"are all in {', '.join(zones)}; allowed: subnets in at least {AVAILABILITY_ZONES} "
            "availability zones",
            command=command,
        )
    without = [subnet for subnet, (*_, range_) in zip(ids, places, strict=True) if not range_]
    if ipv6 and without:
        raise ConfigError(
            key=key,
            problem=f"has {', '.join(without)} without an IPv6 range; with ipv6, allowed: subnets that have one",
            command=f"pulumi config set ipv6 false (or {command})",
        )
    return list(ids)
