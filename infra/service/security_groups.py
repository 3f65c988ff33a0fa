"""Whom tasks talk to: in from the load balancer alone, out to HTTPS alone."""

from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.contract import CONTAINER_PORT

HTTPS_PORT: Final = 443


def task_security_group(
    name: str, *, vpc_id: pulumi.Input[str], load_balancer_group_id: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> tuple[aws.ec2.SecurityGroup, Sequence[pulumi.Resource]]:
    """The tasks' group, and its rules: in from the load balancer; out to ECR, S3 (its layers), CloudWatch, secrets.

    Name lookups in a VPC pass no security group. The rules stand alone, since two groups that name each other
    could not be made, nor unmade, in any order.
    """
    group = aws.ec2.SecurityGroup(
        f"{name}-tasks-group", description="Tasks of the recommender", vpc_id=vpc_id, opts=opts
    )
    to_tasks = aws.vpc.SecurityGroupEgressRule(
        f"{name}-balancer-to-tasks",
        security_group_id=load_balancer_group_id,
        referenced_security_group_id=group.id,
        ip_protocol="tcp",
        from_port=CONTAINER_PORT,
        to_port=CONTAINER_PORT,
        opts=opts,
    )
    from_balancer = aws.vpc.SecurityGroupIngressRule(
        f"{name}-tasks-from-balancer",
        security_group_id=group.id,
        referenced_security_group_id=load_balancer_group_id,
        ip_protocol="tcp",
        from_port=CONTAINER_PORT,
        to_port=CONTAINER_PORT,
        opts=opts,
    )
    return group, [to_tasks, from_balancer, allow_https_out(f"{name}-tasks-to-https", group, opts)]


def allow_https_out(
    name: str, group: aws.ec2.SecurityGroup, opts: pulumi.ResourceOptions
) -> aws.vpc.SecurityGroupEgressRule:
    """Let a group's members make HTTPS connections to anywhere."""
    return aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group.id,
        cidr_ipv4="0.0.0.0/0",
        ip_protocol="tcp",
        from_port=HTTPS_PORT,
        to_port=HTTPS_PORT,
        opts=opts,
    )
