"""The Pulumi plugin `awsx` for machines that cannot download it: a VPC as `awsx:ec2:Vpc` makes it for this project."""

import sys
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.provider import ConstructResult, Provider, main

VERSION = "3.11.0"
ZONES = "ab"


class Vpc(pulumi.ComponentResource):
    """A VPC with a public and a private subnet in each of two zones, an internet gateway, and NAT gateways."""

    def __init__(self, name: str, nat_gateways: int, opts: pulumi.ResourceOptions | None) -> None:
        super().__init__("awsx:ec2:Vpc", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(name, cidr_block="10.0.0.0/16", enable_dns_hostnames=True, opts=child)
        gateway = aws.ec2.InternetGateway(name, vpc_id=vpc.id, opts=child)
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        subnets: dict[str, list[pulumi.Output[str]]] = {"public": [], "private": []}
        nat: list[pulumi.Output[str]] = []
        for number, zone in enumerate(ZONES):
            for kind, block in (("public", number), ("private", 2 + number)):
                place = f"{name}-{kind}-{number + 1}"
                subnet = aws.ec2.Subnet(
                    place,
                    vpc_id=vpc.id,
                    cidr_block=f"10.0.{block}.0/24",
                    availability_zone=pulumi.Output.concat(region, zone),
                    opts=child,
                )
                subnets[kind].append(subnet.id)
                table = aws.ec2.RouteTable(place, vpc_id=vpc.id, opts=child)
                aws.ec2.RouteTableAssociation(place, subnet_id=subnet.id, route_table_id=table.id, opts=child)
                route: dict[str, Any] = {"gateway_id": gateway.id}
                if kind == "public" and number < nat_gateways:
                    address = aws.ec2.Eip(place, domain="vpc", opts=child)
                    nat.append(aws.ec2.NatGateway(place, allocation_id=address.id, subnet_id=subnet.id, opts=child).id)
                if kind == "private":
                    route = {"nat_gateway_id": nat[min(number, len(nat) - 1)]} if nat else {}
                if route:
                    everywhere = "0.0.0.0/0"
                    aws.ec2.Route(
                        place, route_table_id=table.id, destination_cidr_block=everywhere, opts=child, **route
                    )
        self.outputs = {
            "vpcId": vpc.id,
            "publicSubnetIds": pulumi.Output.all(*subnets["public"]),
            "privateSubnetIds": pulumi.Output.all(*subnets["private"]),
        }
        self.register_outputs(self.outputs)


class Awsx(Provider):
    """Constructs VPCs."""

    def __init__(self) -> None:
        super().__init__(VERSION)

    def construct(
        self, name: str, resource_type: str, inputs: Mapping[str, Any], options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        strategy = (inputs.get("natGateways") or {}).get("strategy") or "OnePerAz"
        vpc = Vpc(name, {"None": 0, "Single": 1}.get(str(strategy), len(ZONES)), options)
        return ConstructResult(urn=vpc.urn, state=vpc.outputs)


if __name__ == "__main__":
    main(Awsx(), sys.argv[1:])
