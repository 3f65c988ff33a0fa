"""VPC endpoints: private routes to AWS services."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.args import Input
from infra.aws_limits import HTTPS_PORT


def create_vpc_endpoints(
    name: str,
    *,
    vpc_id: Input[str],
    subnet_ids: Input[Sequence[str]],
    services: Sequence[str],
    after: pulumi.Resource,
    parent: pulumi.Resource,
) -> Sequence[pulumi.Resource]:
    """Interface endpoints, reachable from the VPC only, and a gateway endpoint for S3 in every route table.

    Returns what requests pass: the endpoints and the rule of their group. after: the VPC with all its route tables.
    """
    child = pulumi.ResourceOptions(parent=parent)
    vpc = aws.ec2.get_vpc_output(id=vpc_id, opts=pulumi.InvokeOutputOptions(parent=parent))
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    tables = aws.ec2.get_route_tables_output(
        vpc_id=vpc_id, opts=pulumi.InvokeOutputOptions(parent=parent, depends_on=[after])
    )
    gateway = aws.ec2.VpcEndpoint(
        f"{name}-endpoint-s3",
        vpc_id=vpc_id,
        vpc_endpoint_type="Gateway",
        service_name=pulumi.Output.concat("com.amazonaws.", region, ".s3"),
        route_table_ids=tables.ids,
        opts=child,
    )
    group = aws.ec2.SecurityGroup(
        f"{name}-endpoints-group", description=f"VPC endpoints of the {pulumi.get_project()}", vpc_id=vpc_id, opts=child
    )
    rule = aws.vpc.SecurityGroupIngressRule(
        f"{name}-endpoints-from-vpc",
        security_group_id=group.id,
        cidr_ipv4=vpc.cidr_block,
        ip_protocol="tcp",
        from_port=HTTPS_PORT,
        to_port=HTTPS_PORT,
        opts=child,
    )
    interfaces = [
        aws.ec2.VpcEndpoint(
            f"{name}-endpoint-{service.replace('.', '-')}",
            vpc_id=vpc_id,
            vpc_endpoint_type="Interface",
            service_name=_interface_service(service, region, parent),
            subnet_ids=subnet_ids,
            security_group_ids=[group.id],
            private_dns_enabled=True,
            opts=child,
        )
        for service in services
    ]
    return [gateway, rule, *interfaces]


def _interface_service(service: str, region: pulumi.Output[str], parent: pulumi.Resource) -> pulumi.Output[str]:
    """The name of a service for an interface endpoint; in China some begin with "cn.", others do not.

    Source: https://github.com/aws/aws-cdk/issues/9864
    """

    def of_either_name(region: str) -> Sequence[aws.ec2.GetVpcEndpointServiceFilterArgs]:
        names = [f"{prefix}com.amazonaws.{region}.{service}" for prefix in ("", "cn.")]
        return [aws.ec2.GetVpcEndpointServiceFilterArgs(name="service-name", values=names)]

    return aws.ec2.get_vpc_endpoint_service_output(
        service_type="Interface",
        filters=region.apply(of_either_name),
        opts=pulumi.InvokeOutputOptions(parent=parent),
    ).service_name
