"""A load balancer that is managed elsewhere, found by its listener."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws_limits import HTTP_PORT, HTTPS_PORT
from infra.errors import ConfigError, Remove, Set


@dataclass(frozen=True, kw_only=True)
class ExistingBalancer:
    """origin: scheme, name and port at which the listener answers. security_group_id: one of the balancer's groups.

    One group is enough for the rules between balancer and tasks: the balancer's addresses are in all of its groups.
    """

    arn_suffix: str
    vpc_id: str
    security_group_id: str
    origin: str


def find_balancer(listener_arn: str, host: str, parent: pulumi.Resource) -> ExistingBalancer:
    """The application load balancer of a listener; host: the name that clients use, empty: the balancer's own.

    Direct invokes: the failure of an Output could not be replaced by a message. Raises `ConfigError` when there is no
    such listener.
    """
    options = pulumi.InvokeOptions(parent=parent)
    try:
        listener = aws.lb.get_listener(arn=listener_arn, opts=options)
    except Exception as error:
        if "no matching" not in str(error):
            raise
        raise ConfigError(
            key="listenerArn",
            problem=f'is "{listener_arn}", which this account does not have in this region',
            fixes=[
                Set("listenerArn", "ARN"),
                "aws elbv2 describe-listeners --load-balancer-arn ARN lists them",
                Remove("listenerArn"),
            ],
        ) from None
    balancer = aws.lb.get_load_balancer(arn=listener.load_balancer_arn, opts=options)
    default_port = HTTPS_PORT if listener.protocol == "HTTPS" else HTTP_PORT
    port = "" if listener.port == default_port else f":{listener.port}"
    return ExistingBalancer(
        arn_suffix=balancer.arn_suffix,
        vpc_id=balancer.vpc_id,
        security_group_id=min(balancer.security_groups),
        origin=f"{listener.protocol.lower()}://{host or balancer.dns_name}{port}",
    )


def check_vpc(balancer: ExistingBalancer, vpc_id: str) -> str:
    """`vpc_id`, of the tasks; raises `ConfigError` unless it is the load balancer's."""
    if vpc_id != balancer.vpc_id:
        raise ConfigError(
            key="listenerArn",
            problem=f"is a listener in {balancer.vpc_id}, but the tasks are in {vpc_id}; allowed: one VPC for both",
            fixes=[
                f"pulumi config set network existing, vpcId {balancer.vpc_id}, and privateSubnetIds to subnets in it",
                Remove("listenerArn"),
            ],
        )
    return vpc_id
