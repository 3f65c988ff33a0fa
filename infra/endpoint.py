"""One stable URL in front of the tasks: an application load balancer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.contract import CONTAINER_PORT, READY_PATH
from infra.naming import LOAD_BALANCER_NAME_LIMIT, child_name
from infra.settings import EndpointSettings

HTTP_PORT: Final = 80
IDLE_TIMEOUT_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True)
class LoadBalancedEndpointArgs:
    """Where the load balancer stands; its subnets are public and in at least two availability zones."""

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    settings: EndpointSettings


class LoadBalancedEndpoint(pulumi.ComponentResource):
    """A load balancer that sends requests to whatever registers in its target group and is ready.

    listener: what a service must wait for, or its deletion hangs in DRAINING.
    arn_suffix, target_group_arn_suffix: the names under which CloudWatch and scaling know the two.
    """

    url: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    target_group_arn_suffix: pulumi.Output[str]
    listener: aws.lb.Listener

    def __init__(self, name: str, args: LoadBalancedEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:LoadBalancedEndpoint", name, None, opts)
        settings = args.settings
        child = pulumi.ResourceOptions(parent=self)
        security_group = aws.ec2.SecurityGroup(
            f"{name}-balancer-group",
            description="Load balancer of the recommender",
            vpc_id=args.vpc_id,
            opts=child,
        )
        self._admit(name, settings.allowed_cidrs, security_group)
        balancer = aws.lb.LoadBalancer(
            child_name(name, "lb", limit=LOAD_BALANCER_NAME_LIMIT),
            load_balancer_type="application",
            internal=False,
            security_groups=[security_group.id],
            subnets=args.subnet_ids,
            idle_timeout=IDLE_TIMEOUT_SECONDS,
            drop_invalid_header_fields=True,
            enable_deletion_protection=settings.deletion_protection,
            opts=child,
        )
        # Auto-named: a change that replaces it needs the new one beside the old, still attached to the listener.
        target_group = aws.lb.TargetGroup(
            child_name(name, "tg", limit=LOAD_BALANCER_NAME_LIMIT),
            vpc_id=args.vpc_id,
            target_type="ip",
            protocol="HTTP",
            port=CONTAINER_PORT,
            deregistration_delay=settings.deregistration_delay_seconds,
            slow_start=settings.slow_start_seconds,
            health_check=_health_check(),
            opts=child,
        )
        self.listener = aws.lb.Listener(
            f"{name}-http",
            load_balancer_arn=balancer.arn,
            protocol="HTTP",
            port=HTTP_PORT,
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=target_group.arn)],
            opts=child,
        )
        own_url = pulumi.Output.concat("http://", balancer.dns_name)
        self.url = pulumi.Output.from_input(settings.public_url) if settings.public_url else own_url
        self.target_group_arn = target_group.arn
        self.security_group_id = security_group.id
        self.arn_suffix = balancer.arn_suffix
        self.target_group_arn_suffix = target_group.arn_suffix
        self.register_outputs({"url": self.url, "target_group_arn": self.target_group_arn})

    def _admit(self, name: str, cidrs: Sequence[str], security_group: aws.ec2.SecurityGroup) -> None:
        for cidr in cidrs:
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-http-from-{cidr.replace('/', '-').replace(':', '.')}",
                security_group_id=security_group.id,
                cidr_ipv4=None if ":" in cidr else cidr,
                cidr_ipv6=cidr if ":" in cidr else None,
                ip_protocol="tcp",
                from_port=HTTP_PORT,
                to_port=HTTP_PORT,
                opts=pulumi.ResourceOptions(parent=self),
            )


def _health_check() -> aws.lb.TargetGroupHealthCheckArgs:
    """A target takes traffic ten to twenty seconds after its model is loaded, and loses it as quickly."""
    return aws.lb.TargetGroupHealthCheckArgs(
        protocol="HTTP",
        port="traffic-port",
        path=READY_PATH,
        matcher="200",
        interval=10,
        timeout=5,
        healthy_threshold=2,
        unhealthy_threshold=3,
    )
