"""The VPC and its subnets: the default VPC, an existing one, or a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from infra.args import Subnets
from infra.aws_limits import AVAILABILITY_ZONES
from infra.config.network import BASE_ENDPOINT_SERVICES, NatGateways, NetworkSettings
from infra.errors import ConfigError, Set
from infra.network.vpc_endpoints import create_vpc_endpoints

NAT_STRATEGIES: Final[Mapping[NatGateways, awsx.ec2.NatGatewayStrategy]] = {
    "none": awsx.ec2.NatGatewayStrategy.NONE,
    "single": awsx.ec2.NatGatewayStrategy.SINGLE,
}
"""One per zone is awsx's default."""


class NetworkArgs(NetworkSettings):
    """Arguments of `Network`, beside its settings. vpc_endpoint_services: with vpc_endpoints, such as "ecr.api"."""

    vpc_endpoint_services: tuple[str, ...] = BASE_ENDPOINT_SERVICES


class Network(pulumi.ComponentResource):
    """Subnets for the load balancer, and subnets for the tasks with a route to ECR and CloudWatch.

    load_balancer_subnets: public; the tasks' own for an internal load balancer. The security group of tasks with public
    addresses keeps inbound traffic out.
    default_subnet_count: of the default VPC; None: another one is used.
    """

    load_balancer_subnets: Subnets
    task_subnets: Subnets
    default_subnet_count: int | None = None

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:Network", name, None, opts)
        if args.mode == "new":
            self.load_balancer_subnets, self.task_subnets = self._create(name, args)
        elif args.mode == "existing":
            self.load_balancer_subnets, self.task_subnets = self._existing(args)
        else:
            self.load_balancer_subnets = self.task_subnets = self._default()
        self.register_outputs(
            {
                "vpc_id": self.task_subnets.vpc_id,
                "load_balancer_subnet_ids": self.load_balancer_subnets.ids,
                "task_subnet_ids": self.task_subnets.ids,
                "assign_public_ip": self.task_subnets.assign_public_ip,
            }
        )

    def _create(self, name: str, args: NetworkArgs) -> tuple[Subnets, Subnets]:
        """Public subnets for the load balancer, private ones for the tasks, and the routes of the latter."""
        strategy = NAT_STRATEGIES.get(args.nat_gateways)
        vpc = awsx.ec2.Vpc(
            f"{name}-vpc",
            enable_dns_hostnames=True,
            number_of_availability_zones=AVAILABILITY_ZONES,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=strategy) if strategy else None,
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            opts=pulumi.ResourceOptions(parent=self),
        )
        routes: list[pulumi.Resource] = [vpc]
        if args.vpc_endpoints:
            routes += create_vpc_endpoints(
                name,
                vpc_id=vpc.vpc_id,
                subnet_ids=vpc.private_subnet_ids,
                services=args.vpc_endpoint_services,
                after=vpc,
                parent=self,
            )
        tasks = Subnets(vpc_id=vpc.vpc_id, ids=vpc.private_subnet_ids, routes=routes)
        return tasks if args.internal else Subnets(vpc_id=vpc.vpc_id, ids=vpc.public_subnet_ids), tasks

    def _existing(self, args: NetworkArgs) -> tuple[Subnets, Subnets]:
        ids = {"publicSubnetIds": args.public_subnet_ids, "privateSubnetIds": args.private_subnet_ids}
        tasks = "privateSubnetIds" if args.private_subnet_ids else "publicSubnetIds"
        load_balancer = "publicSubnetIds" if args.public_subnet_ids and not args.internal else tasks
        checked = {
            key: _checked_subnets(self, key, args.vpc_id, ids[key], ipv6=args.ipv6 and key == load_balancer)
            for key in dict.fromkeys((load_balancer, tasks))
        }
        public_ip = not args.private_subnet_ids
        return (
            Subnets(vpc_id=args.vpc_id, ids=checked[load_balancer]),
            Subnets(vpc_id=args.vpc_id, ids=checked[tasks], assign_public_ip=public_ip),
        )

    def _default(self) -> Subnets:
        vpc_id = _default_vpc_id(self)
        subnets = aws.ec2.get_subnets(
            filters=[
                aws.ec2.GetSubnetsFilterArgs(name="vpc-id", values=[vpc_id]),
                aws.ec2.GetSubnetsFilterArgs(name="default-for-az", values=["true"]),
            ],
            opts=pulumi.InvokeOptions(parent=self),
        )
        self.default_subnet_count = len(subnets.ids)
        return Subnets(vpc_id=vpc_id, ids=_check_default_subnets(subnets.ids), assign_public_ip=True)


def _default_vpc_id(parent: pulumi.Resource) -> str:
    """A direct invoke: the failure of an Output could not be replaced by a message."""
    try:
        return aws.ec2.get_vpc(default=True, opts=pulumi.InvokeOptions(parent=parent)).id
    except Exception as error:
        if "no matching" not in str(error):
            raise
        raise ConfigError(
            key="network",
            problem='is "default", but this account has no default VPC in this region; allowed: new, or existing '
            "with vpcId and publicSubnetIds",
            fixes=[Set("network", "new"), "create a default VPC: aws ec2 create-default-vpc"],
        ) from None


def _check_default_subnets(ids: Sequence[str]) -> Sequence[str]:
    if len(ids) < AVAILABILITY_ZONES:
        raise ConfigError(
            key="network",
            problem=f'is "default", but the default VPC has a default subnet in {len(ids)} availability zones; a '
            f"load balancer needs {AVAILABILITY_ZONES}",
            fixes=[Set("network", "new"), "aws ec2 create-default-subnet --availability-zone ZONE"],
        )
    return sorted(ids)


def _checked_subnets(
    parent: pulumi.Resource, key: str, vpc_id: str, ids: Sequence[str], *, ipv6: bool
) -> pulumi.Output[Sequence[str]]:
    options = pulumi.InvokeOutputOptions(parent=parent)
    subnets = [aws.ec2.get_subnet_output(id=subnet_id, opts=options) for subnet_id in ids]
    locations = pulumi.Output.all(
        *[pulumi.Output.all(subnet.vpc_id, subnet.availability_zone, subnet.ipv6_cidr_block) for subnet in subnets]
    )
    return locations.apply(lambda known: _check_locations(key, vpc_id, ids, known, ipv6=ipv6))


def _check_locations(
    key: str, vpc_id: str, ids: Sequence[str], locations: Sequence[Sequence[str]], *, ipv6: bool
) -> Sequence[str]:
    fix = Set(f"{key}[0]", "SUBNET")
    listing = "aws ec2 describe-subnets lists them"
    foreign = [subnet for subnet, (home, *_) in zip(ids, locations, strict=True) if home != vpc_id]
    if foreign:
        raise ConfigError(key=key, problem=f"has {', '.join(foreign)}, not in {vpc_id}", fixes=[fix, listing])
    zones = sorted({zone for _, zone, _ in locations})
    if len(zones) < AVAILABILITY_ZONES:
        raise ConfigError(
            key=key,
            problem=f"are all in {', '.join(zones)}; allowed: subnets in at least {AVAILABILITY_ZONES} "
            "availability zones",
            fixes=[fix, listing],
        )
    without = [subnet for subnet, (*_, range_) in zip(ids, locations, strict=True) if not range_]
    if ipv6 and without:
        raise ConfigError(
            key=key,
            problem=f"has {', '.join(without)} without an IPv6 range; with ipv6, allowed: subnets that have one",
            fixes=[Set("ipv6", "false"), fix, listing],
        )
    return list(ids)
