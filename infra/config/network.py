"""Settings of the network."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from infra.config.base import SettingError, Settings, reject_unused
from infra.errors import Remove, Set

NetworkMode = Literal["default", "existing", "new"]
NatGateways = Literal["none", "single", "perZone"]

BASE_ENDPOINT_SERVICES: Final = ("ecr.api", "ecr.dkr", "logs")
"""The services of every task, beside S3, which stores the image layers.
Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
("Amazon ECR interface VPC endpoints (AWS PrivateLink)")"""

EC2_ENDPOINT_SERVICES: Final = ("ecs", "ecs-agent", "ecs-telemetry")
"""The services of the ECS agent on an EC2 instance.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
("Amazon ECS interface VPC endpoints (AWS PrivateLink)")"""

SUBNET_EXAMPLE: Final = "subnet-0123456789abcdef0"


class NetworkSettings(Settings):
    """Network: the VPC and its subnets."""

    mode: Annotated[
        NetworkMode,
        Field(
            alias="network",
            description="VPC: default (of the account), existing (vpcId and subnet ids) or new (created here)",
        ),
    ] = "default"
    vpc_id: Annotated[str, Field(description="With network existing: the VPC's id")] = ""
    public_subnet_ids: Annotated[
        tuple[str, ...],
        Field(
            description="With network existing: the load balancer's subnets, in at least two availability zones; "
            "unused with internal or listenerArn"
        ),
    ] = ()
    private_subnet_ids: Annotated[
        tuple[str, ...],
        Field(
            description="With network existing: the tasks' subnets, with a route to ECR (NAT or VPC endpoints); "
            "empty: the public ones"
        ),
    ] = ()
    nat_gateways: Annotated[
        NatGateways,
        Field(description="With network new: NAT gateways: none (requires vpcEndpoints), single or perZone"),
    ] = "perZone"
    vpc_endpoints: Annotated[
        bool,
        Field(description="With network new: VPC endpoints for ECR, S3, logs and secrets, billed by the hour and zone"),
    ] = False
    internal: Annotated[
        bool, Field(description="Load balancer without public addresses, for clients inside the VPC")
    ] = False
    ipv6: Annotated[
        bool, Field(description="With network existing: dual-stack load balancer; its subnets must have IPv6 ranges")
    ] = False

    @model_validator(mode="after")
    def _check_existing(self) -> Self:
        if self.mode != "existing":
            if self.vpc_id or self.public_subnet_ids or self.private_subnet_ids:
                problem = f'is "{self.mode}", but vpcId or subnet ids are set; they go with existing'
                raise SettingError(problem, Set("network", "existing"), key="network")
            return self
        if not self.vpc_id.startswith("vpc-"):
            problem = f'is "{self.vpc_id}"; with network existing: the id of a VPC'
            raise SettingError(problem, Set("vpcId", "vpc-0123456789abcdef0"), key="vpcId")
        subnets = {"publicSubnetIds": self.public_subnet_ids, "privateSubnetIds": self.private_subnet_ids}
        for key, ids in subnets.items():
            required = key == "publicSubnetIds" and not self.private_subnet_ids
            too_few = len(set(ids)) < 2 and (required or ids)
            if too_few or not all(subnet.startswith("subnet-") for subnet in ids):
                raise SettingError(
                    f"is {list(ids)}; with network existing: the ids of at least two subnets, "
                    "in two availability zones",
                    Set(f"{key}[{min(len(set(ids)), 1)}]", SUBNET_EXAMPLE),
                    key=key,
                )
        return self

    @model_validator(mode="after")
    def _check_routes(self) -> Self:
        reject_unused(
            self,
            ["nat_gateways"],
            used=self.mode == "new",
            problem=f'but network is "{self.mode}", whose routes are not managed here; allowed with network new',
            fix=Set("network", "new"),
        )
        if self.mode == "new" and self.nat_gateways == "none" and not self.vpc_endpoints:
            problem = 'is "none", but tasks without a route cannot pull their image; allowed with vpcEndpoints'
            raise SettingError(problem, Set("vpcEndpoints", "true"), key="natGateways")
        if self.mode != "new" and self.vpc_endpoints:
            raise SettingError(
                f'is true with network "{self.mode}"; endpoints are created for a new VPC alone, since in another one '
                "they would reroute the requests of its other users",
                Set("network", "new"),
                Remove("vpcEndpoints"),
                key="vpcEndpoints",
            )
        if self.mode != "existing" and self.ipv6:
            problem = f'is true with network "{self.mode}", whose subnets have no IPv6 ranges; allowed with existing'
            raise SettingError(problem, Set("network", "existing"), Remove("ipv6"), key="ipv6")
        return self


def endpoint_services(secret_arns: Iterable[str], *, enable_execute_command: bool, instances: bool) -> Sequence[str]:
    """The AWS services that tasks, and with `instances` the EC2 instances, call; as VPC endpoints name them, sorted."""
    arns = list(secret_arns)
    services = set(BASE_ENDPOINT_SERVICES)
    if any(":secretsmanager:" in arn for arn in arns):
        services.add("secretsmanager")
    if any(":ssm:" in arn for arn in arns):
        services.add("ssm")
    if enable_execute_command:
        services.add("ssmmessages")
    if instances:
        services.update(EC2_ENDPOINT_SERVICES)
    return tuple(sorted(services))
