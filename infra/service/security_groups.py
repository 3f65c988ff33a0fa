"""Security groups of the tasks: inbound from the load balancer only, outbound HTTPS only."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.args import Input
from infra.aws_limits import HTTPS_PORT


def task_security_group(
    name: str,
    *,
    vpc_id: Input[str],
    load_balancer_group_id: Input[str],
    container_port: int,
    opts: pulumi.ResourceOptions,
) -> tuple[aws.ec2.SecurityGroup, Sequence[pulumi.Resource]]:
    """The tasks' group and its rules: in from the load balancer; out to ECR, S3 (its layers), CloudWatch, secrets.

    DNS queries within a VPC pass no security group. The rules are separate resources: two groups that reference each
    other inline could be neither created nor deleted in any order.
    """
    group = aws.ec2.SecurityGroup(
        f"{name}-tasks-group", description=f"Tasks of the {pulumi.get_project()}", vpc_id=vpc_id, opts=opts
    )
    to_tasks = aws.vpc.SecurityGroupEgressRule(
        f"{name}-balancer-to-tasks",
        security_group_id=load_balancer_group_id,
        referenced_security_group_id=group.id,
        ip_protocol="tcp",
        from_port=container_port,
        to_port=container_port,
        opts=opts,
    )
    from_load_balancer = aws.vpc.SecurityGroupIngressRule(
        f"{name}-tasks-from-balancer",
        security_group_id=group.id,
        referenced_security_group_id=load_balancer_group_id,
        ip_protocol="tcp",
        from_port=container_port,
        to_port=container_port,
        opts=opts,
    )
    return group, [to_tasks, from_load_balancer, allow_https_out(f"{name}-tasks-to-https", group, opts)]


def allow_https_out(
    name: str, group: aws.ec2.SecurityGroup, opts: pulumi.ResourceOptions
) -> aws.vpc.SecurityGroupEgressRule:
    """Allow outbound HTTPS connections from a group to any address."""
    return aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group.id,
        cidr_ipv4="0.0.0.0/0",
        ip_protocol="tcp",
        from_port=HTTPS_PORT,
        to_port=HTTPS_PORT,
        opts=opts,
    )
