"""Security groups of tasks and instances: inbound from the load balancer only, outbound HTTPS only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import pulumi
import pulumi_aws as aws

from infra.args import Input
from infra.aws_limits import HTTPS_PORT

EPHEMERAL_PORTS: Final = (32768, 65535)
"""Of which Docker gives each container of an instance one.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html ("PortMapping")"""


def task_security_group(
    name: str, *, vpc_id: Input[str], opts: pulumi.ResourceOptions
) -> tuple[aws.ec2.SecurityGroup, pulumi.Resource]:
    """The tasks' group and its rule: out to ECR, S3 (its layers), CloudWatch, secrets.

    DNS queries within a VPC pass no security group.
    """
    group = aws.ec2.SecurityGroup(
        f"{name}-tasks-group", description=f"Tasks of the {pulumi.get_project()}", vpc_id=vpc_id, opts=opts
    )
    return group, allow_https_out(f"{name}-tasks-to-https", group, opts)


def allow_requests(
    name: str,
    group: aws.ec2.SecurityGroup,
    *,
    targets: Literal["tasks", "instances"],
    load_balancer_group_id: Input[str],
    ports: tuple[int, int],
    opts: pulumi.ResourceOptions,
) -> Sequence[pulumi.Resource]:
    """Allow connections from the load balancer to the ports, first to last, of what has the group `group`.

    The rules are separate resources: two groups that reference each other inline could be neither created nor deleted
    in any order.
    """
    first, last = ports
    to_targets = aws.vpc.SecurityGroupEgressRule(
        f"{name}-balancer-to-{targets}",
        security_group_id=load_balancer_group_id,
        referenced_security_group_id=group.id,
        ip_protocol="tcp",
        from_port=first,
        to_port=last,
        opts=opts,
    )
    from_load_balancer = aws.vpc.SecurityGroupIngressRule(
        f"{name}-{targets}-from-balancer",
        security_group_id=group.id,
        referenced_security_group_id=load_balancer_group_id,
        ip_protocol="tcp",
        from_port=first,
        to_port=last,
        # Another load balancer's group: the old path stays open until the service has moved.
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(replace_on_changes=["referencedSecurityGroupId"])
        ),
    )
    return [to_targets, from_load_balancer]


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
