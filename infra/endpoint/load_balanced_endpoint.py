"""One stable URL in front of the tasks: an application load balancer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.config.checks_networking import plain_http_warning
from infra.config.settings import EndpointSettings
from infra.contract import CONTAINER_PORT, READY_PATH
from infra.endpoint.access_logs import LOG_PREFIX, access_log_bucket
from infra.endpoint.certificate import create_alias, hosted_zone_id, validated_certificate
from infra.endpoint.listeners import HTTP_PORT, HTTPS_PORT, create_listeners
from infra.endpoint.waf import attach_waf
from infra.naming import LOAD_BALANCER_NAME_LIMIT, child_name

IDLE_TIMEOUT_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True)
class LoadBalancedEndpointArgs:
    """Where the load balancer stands; its subnets are in at least two availability zones."""

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    settings: EndpointSettings


class LoadBalancedEndpoint(pulumi.ComponentResource):
    """A load balancer that sends requests to whatever registers in its target group and is ready.

    listener: what a service must wait for, or its deletion hangs in DRAINING.
    arn_suffix, target_group_arn_suffix: the names under which CloudWatch knows the two.
    request_label: the name under which autoscaling knows the target group's requests.
    """

    url: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    target_group_arn_suffix: pulumi.Output[str]
    request_label: pulumi.Output[str]
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
        self._admit(name, settings, security_group)
        load_balancer = self._load_balancer(name, args, security_group)
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
        self.listener = create_listeners(
            name,
            load_balancer_arn=load_balancer.arn,
            target_group_arn=target_group.arn,
            certificate_arn=self._certificate_and_name(name, settings, load_balancer),
            opts=child,
        )
        if settings.waf_rate_limit:
            attach_waf(
                name, load_balancer_arn=load_balancer.arn, requests_per_address=settings.waf_rate_limit, opts=child
            )
        self.url = _url(settings, load_balancer)
        self.target_group_arn = target_group.arn
        self.security_group_id = security_group.id
        self.arn_suffix = load_balancer.arn_suffix
        self.target_group_arn_suffix = target_group.arn_suffix
        self.request_label = pulumi.Output.concat(load_balancer.arn_suffix, "/", target_group.arn_suffix)
        self.register_outputs({"url": self.url, "target_group_arn": self.target_group_arn})

    def _admit(self, name: str, settings: EndpointSettings, security_group: aws.ec2.SecurityGroup) -> None:
        ports = {"http": HTTP_PORT, **({"https": HTTPS_PORT} if _has_certificate(settings) else {})}
        for protocol, port in ports.items():
            for cidr in settings.allowed_cidrs:
                aws.vpc.SecurityGroupIngressRule(
                    f"{name}-{protocol}-from-{cidr.replace('/', '-').replace(':', '.')}",
                    security_group_id=security_group.id,
                    cidr_ipv4=None if ":" in cidr else cidr,
                    cidr_ipv6=cidr if ":" in cidr else None,
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    opts=pulumi.ResourceOptions(parent=self),
                )

    def _load_balancer(
        self, name: str, args: LoadBalancedEndpointArgs, security_group: aws.ec2.SecurityGroup
    ) -> aws.lb.LoadBalancer:
        settings = args.settings
        access_logs, writable = None, []
        if settings.access_log_days:
            bucket, policy = access_log_bucket(
                name, days=settings.access_log_days, force_destroy=not settings.deletion_protection, parent=self
            )
            access_logs = aws.lb.LoadBalancerAccessLogsArgs(bucket=bucket, prefix=LOG_PREFIX, enabled=True)
            writable = [policy]
        return aws.lb.LoadBalancer(
            child_name(name, "lb", limit=LOAD_BALANCER_NAME_LIMIT),
            load_balancer_type="application",
            internal=settings.internal,
            ip_address_type="dualstack" if settings.ipv6 else None,
            security_groups=[security_group.id],
            subnets=args.subnet_ids,
            idle_timeout=IDLE_TIMEOUT_SECONDS,
            drop_invalid_header_fields=True,
            enable_deletion_protection=settings.deletion_protection,
            access_logs=access_logs,
            opts=pulumi.ResourceOptions(parent=self, depends_on=writable),
        )

    def _certificate_and_name(
        self, name: str, settings: EndpointSettings, load_balancer: aws.lb.LoadBalancer
    ) -> pulumi.Input[str] | None:
        """The certificate to answer with, if any; and the domain, if any, leads to the load balancer."""
        if warning := plain_http_warning(
            domain=settings.domain, certificate_arn=settings.certificate_arn, public_url=settings.public_url
        ):
            pulumi.log.warn(warning, self)
        if not settings.domain:
            return settings.certificate_arn or None
        child = pulumi.ResourceOptions(parent=self)
        zone_id = hosted_zone_id(settings.domain, settings.hosted_zone_id, self)
        create_alias(name, settings.domain, zone_id, load_balancer, ipv6=settings.ipv6, opts=child)
        return settings.certificate_arn or validated_certificate(name, settings.domain, zone_id, child)


def _has_certificate(settings: EndpointSettings) -> bool:
    return bool(settings.domain or settings.certificate_arn)


def _url(settings: EndpointSettings, load_balancer: aws.lb.LoadBalancer) -> pulumi.Output[str]:
    if settings.public_url:
        return pulumi.Output.from_input(settings.public_url)
    if settings.domain:
        return pulumi.Output.from_input(f"https://{settings.domain}")
    return pulumi.Output.concat("http://", load_balancer.dns_name)


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
