"""The stable URL of the service: an application load balancer."""

from typing import Final, Literal

import pulumi
import pulumi_aws as aws

from infra.args import Input, Subnets, Target
from infra.aws_limits import HTTP_PORT, HTTPS_PORT, LOAD_BALANCER_NAME_LENGTH
from infra.config.endpoint import EndpointSettings
from infra.endpoint.access_logs import LOG_PREFIX, access_log_bucket
from infra.endpoint.certificate import create_alias, hosted_zone_id, validated_certificate
from infra.endpoint.listeners import create_listeners
from infra.endpoint.waf import attach_waf
from infra.naming import child_name

IDLE_TIMEOUT_SECONDS: Final = 60


class LoadBalancedEndpointArgs(EndpointSettings):
    """Arguments of `LoadBalancedEndpoint`, beside its settings.

    subnets: in at least two availability zones. container_port, health_check_path: of the targets; the path answers
    200 when a target is ready. internal: no public addresses. ipv6: dual-stack; the subnets must have IPv6 ranges.
    deletion_protection: of the load balancer and of access logs that are not empty.
    """

    subnets: Subnets
    container_port: int = 8080
    health_check_path: str = "/"
    target_type: Literal["ip", "instance"] = "ip"
    internal: bool = False
    ipv6: bool = False
    deletion_protection: bool = False


class LoadBalancedEndpoint(pulumi.ComponentResource):
    """A load balancer that forwards to the healthy targets of its target group, with root_path what is below it.

    The path reaches the targets as it was sent; health checks do not have the prefix.
    target: where a service registers its tasks. arn_suffix, target_group_arn_suffix: their names in CloudWatch.
    """

    url: pulumi.Output[str]
    target: Target
    arn_suffix: pulumi.Output[str]
    target_group_arn_suffix: pulumi.Output[str]

    def __init__(self, name: str, args: LoadBalancedEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:LoadBalancedEndpoint", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        security_group = aws.ec2.SecurityGroup(
            f"{name}-balancer-group",
            description=f"Load balancer of the {pulumi.get_project()}",
            vpc_id=args.subnets.vpc_id,
            opts=child,
        )
        self._allow_clients(name, args, security_group)
        load_balancer = self._load_balancer(name, args, security_group)
        # Auto-named: a replacement must exist beside the old target group, which the listener still uses.
        target_group = aws.lb.TargetGroup(
            child_name(name, "tg", limit=LOAD_BALANCER_NAME_LENGTH),
            vpc_id=args.subnets.vpc_id,
            target_type=args.target_type,
            protocol="HTTP",
            port=args.container_port,
            deregistration_delay=args.deregistration_delay_seconds,
            slow_start=args.slow_start_seconds,
            health_check=_health_check(args.health_check_path),
            opts=child,
        )
        listener = create_listeners(
            name,
            load_balancer_arn=load_balancer.arn,
            target_group_arn=target_group.arn,
            certificate_arn=self._certificate_and_alias(name, args, load_balancer),
            root_path=args.root_path,
            opts=child,
        )
        if args.waf_rate_limit:
            attach_waf(name, load_balancer.arn, requests_per_address=args.waf_rate_limit, opts=child)
        self.url = _url(args, load_balancer)
        self.target = Target(
            target_group_arn=target_group.arn,
            security_group_id=security_group.id,
            listener=listener,
            request_label=pulumi.Output.concat(load_balancer.arn_suffix, "/", target_group.arn_suffix),
        )
        self.arn_suffix = load_balancer.arn_suffix
        self.target_group_arn_suffix = target_group.arn_suffix
        self.register_outputs({"url": self.url, "target_group_arn": target_group.arn})

    def _allow_clients(self, name: str, args: LoadBalancedEndpointArgs, security_group: aws.ec2.SecurityGroup) -> None:
        tls = bool(args.domain or args.certificate_arn)
        for protocol, port in {"http": HTTP_PORT, **({"https": HTTPS_PORT} if tls else {})}.items():
            for cidr in args.allowed_cidrs:
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
        access_logs, writable = None, []
        if args.access_log_days:
            bucket, policy = access_log_bucket(
                name, days=args.access_log_days, force_destroy=not args.deletion_protection, parent=self
            )
            access_logs = aws.lb.LoadBalancerAccessLogsArgs(bucket=bucket, prefix=LOG_PREFIX, enabled=True)
            writable = [policy]
        return aws.lb.LoadBalancer(
            child_name(name, "lb", limit=LOAD_BALANCER_NAME_LENGTH),
            load_balancer_type="application",
            internal=args.internal,
            ip_address_type="dualstack" if args.ipv6 else None,
            security_groups=[security_group.id],
            subnets=args.subnets.ids,
            idle_timeout=IDLE_TIMEOUT_SECONDS,
            drop_invalid_header_fields=True,
            enable_deletion_protection=args.deletion_protection,
            access_logs=access_logs,
            opts=pulumi.ResourceOptions(parent=self, depends_on=writable),
        )

    def _certificate_and_alias(
        self, name: str, args: LoadBalancedEndpointArgs, load_balancer: aws.lb.LoadBalancer
    ) -> Input[str] | None:
        """The certificate, None for plain HTTP; with a domain, also its alias records."""
        if args.plain_http:
            pulumi.log.warn(
                "The service will answer over plain HTTP, which anyone on the path can read and change. For HTTPS: "
                "pulumi config set domain films.example.com (a name in a zone of Route 53), or certificateArn and "
                "publicUrl",
                self,
            )
        if not args.domain:
            return args.certificate_arn or None
        child = pulumi.ResourceOptions(parent=self)
        zone_id = hosted_zone_id(args.domain, args.hosted_zone_id, self)
        create_alias(name, args.domain, zone_id, load_balancer, ipv6=args.ipv6, opts=child)
        return args.certificate_arn or validated_certificate(name, args.domain, zone_id, child)


def _url(args: LoadBalancedEndpointArgs, load_balancer: aws.lb.LoadBalancer) -> pulumi.Output[str]:
    if args.public_url:
        has_path = "/" in args.public_url.partition("://")[2]
        return pulumi.Output.from_input(args.public_url + ("" if has_path else args.root_path))
    if args.domain:
        return pulumi.Output.from_input(f"https://{args.domain}{args.root_path}")
    return pulumi.Output.concat("http://", load_balancer.dns_name, args.root_path)


def _health_check(path: str) -> aws.lb.TargetGroupHealthCheckArgs:
    """A target receives traffic 10 to 20 s after it is ready, and loses it after 30 s of failures."""
    return aws.lb.TargetGroupHealthCheckArgs(
        protocol="HTTP",
        port="traffic-port",
        path=path,
        matcher="200",
        interval=10,
        timeout=5,
        healthy_threshold=2,
        unhealthy_threshold=3,
    )
