"""A way to AWS's own services that does not lead through the internet: VPC endpoints."""

from collections.abc import Iterable, Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

HTTPS_PORT: Final = 443

BASE_SERVICES: Final = ("ecr.api", "ecr.dkr", "logs")
"""What every task needs, beside S3, where the layers of images lie. Source:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
("Amazon ECR interface VPC endpoints (AWS PrivateLink)")"""


EC2_SERVICES: Final = ("ecs", "ecs-agent", "ecs-telemetry")
"""What the agent on a machine of one's own needs. Source:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
("Amazon ECS interface VPC endpoints (AWS PrivateLink)")"""


def endpoint_services(secret_arns: Iterable[str], *, enable_execute_command: bool, instances: bool) -> tuple[str, ...]:
    """The services that tasks, and with `instances` the machines, talk to, sorted; named as their endpoints are."""
    arns = list(secret_arns)
    wanted = set(BASE_SERVICES)
    if any(":secretsmanager:" in arn for arn in arns):
        wanted.add("secretsmanager")
    if any(":ssm:" in arn for arn in arns):
        wanted.add("ssm")
    if enable_execute_command:
        wanted.add("ssmmessages")
    if instances:
        wanted.update(EC2_SERVICES)
    return tuple(sorted(wanted))


def private_endpoints(
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    subnet_ids: pulumi.Input[Sequence[str]],
    services: Sequence[str],
    after: pulumi.Resource,
    parent: pulumi.Resource,
) -> None:
    """An interface endpoint a service, open to the VPC alone, and a gateway to S3 in every route table.

    after: the VPC with all its route tables.
    """
    child = pulumi.ResourceOptions(parent=parent)
    vpc = aws.ec2.get_vpc_output(id=vpc_id, opts=pulumi.InvokeOutputOptions(parent=parent))
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    tables = aws.ec2.get_route_tables_output(
        vpc_id=vpc_id, opts=pulumi.InvokeOutputOptions(parent=parent, depends_on=[after])
    )
    aws.ec2.VpcEndpoint(
        f"{name}-endpoint-s3",
        vpc_id=vpc_id,
        vpc_endpoint_type="Gateway",
        service_name=pulumi.Output.concat("com.amazonaws.", region, ".s3"),
        route_table_ids=tables.ids,
        opts=child,
    )
    group = aws.ec2.SecurityGroup(
        f"{name}-endpoints-group", description="VPC endpoints of the recommender", vpc_id=vpc_id, opts=child
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-endpoints-from-vpc",
        security_group_id=group.id,
        cidr_ipv4=vpc.cidr_block,
        ip_protocol="tcp",
        from_port=HTTPS_PORT,
        to_port=HTTPS_PORT,
        opts=child,
    )
    for service in services:
        aws.ec2.VpcEndpoint(
            f"{name}-endpoint-{service.replace('.', '-')}",
            vpc_id=vpc_id,
            vpc_endpoint_type="Interface",
            service_name=pulumi.Output.concat("com.amazonaws.", region, ".", service),
            subnet_ids=subnet_ids,
            security_group_ids=[group.id],
            private_dns_enabled=True,
            opts=child,
        )
