"""The stable URL of the service: an application load balancer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import pulumi
import pulumi_aws as aws

from infra.args import Input, Subnets, Target
from infra.aws_limits import LOAD_BALANCER_NAME_LENGTH, LOAD_BALANCER_RESERVED_PREFIX
from infra.config.endpoint import EndpointSettings
from infra.endpoint.access_logs import LOG_PREFIX, access_log_bucket
from infra.endpoint.certificate import create_alias, hosted_zone_id, validated_certificate
from infra.endpoint.existing_balancer import ExistingBalancer, check_vpc, find_balancer
from infra.endpoint.listeners import create_listeners, join_listener
from infra.endpoint.waf import attach_waf
from infra.errors import ProgramError
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

    With listener_arn: a rule of an existing load balancer, of which nothing else is changed here.
    The path reaches the targets as it was sent; health checks do not have the prefix.
    target: where a service registers its tasks. arn_suffix, target_group_arn_suffix: their names in CloudWatch.
    """

    url: pulumi.Output[str]
    target: Target
    arn_suffix: pulumi.Output[str]
    target_group_arn_suffix: pulumi.Output[str]

    def __init__(self, name: str, args: LoadBalancedEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:LoadBalancedEndpoint", name, None, opts)
        self._name, self._args = name, args
        if args.listener_arn:
            self._join_balancer(name, args)
        else:
            self._create_balancer(name, args)
        self.register_outputs({"url": self.url, "target_group_arn": self.target.target_group_arn})

    def _create_balancer(self, name: str, args: LoadBalancedEndpointArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        security_group = aws.ec2.SecurityGroup(
            f"{name}-balancer-group",
            description=f"Load balancer of the {pulumi.get_project()}",
            vpc_id=args.subnets.vpc_id,
            opts=child,
        )
        client_rules = self._allow_clients(name, args, security_group)
        load_balancer = self._load_balancer = self._create_load_balancer(name, args, security_group)
        target_group = self._create_target_group(name, args, args.subnets.vpc_id, replace_with=[load_balancer])
        listener = create_listeners(
            name,
            load_balancer_arn=load_balancer.arn,
            target_group_arn=target_group.arn,
            certificate_arn=self._certificate(name, args),
            client_rules=client_rules,
            root_path=args.root_path,
            opts=child,
        )
        if args.waf_rate_limit:
            attach_waf(name, load_balancer.arn, requests_per_address=args.waf_rate_limit, opts=child)
        origin = f"https://{args.domain}" if args.domain else pulumi.Output.concat("http://", load_balancer.dns_name)
        self._expose(args, origin, load_balancer.arn_suffix, security_group.id, target_group, listener)

    def _join_balancer(self, name: str, args: LoadBalancedEndpointArgs) -> None:
        host = next((host for host in args.host_names if not set(host) & set("*?")), "")
        balancer = find_balancer(args.listener_arn, host, self)
        target_group = self._create_target_group(
            name, args, _checked_vpc(balancer, args.subnets.vpc_id), replace_with=[]
        )
        rule = join_listener(
            name,
            listener_arn=args.listener_arn,
            target_group_arn=target_group.arn,
            host_names=args.host_names,
            root_path=args.root_path,
            priority=args.listener_rule_priority,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._expose(args, balancer.origin, balancer.arn_suffix, balancer.security_group_id, target_group, rule)

    def _create_target_group(
        self,
        name: str,
        args: LoadBalancedEndpointArgs,
        vpc_id: Input[str],
        *,
        replace_with: list[pulumi.Resource],
    ) -> aws.lb.TargetGroup:
        """Replaced with its load balancer, since it belongs to one at a time.

        Auto-named: a replacement must exist beside the old one, which the old listener still uses.
        """
        return aws.lb.TargetGroup(
            child_name(name, "tg", limit=LOAD_BALANCER_NAME_LENGTH),
            vpc_id=vpc_id,
            target_type=args.target_type,
            protocol="HTTP",
            port=args.container_port,
            deregistration_delay=args.deregistration_delay_seconds,
            slow_start=args.slow_start_seconds,
            health_check=_health_check(args.health_check_path),
            opts=pulumi.ResourceOptions(
                parent=self, replace_with=replace_with, replacement_trigger=args.listener_arn or "created here"
            ),
        )

    def _expose(
        self,
        args: LoadBalancedEndpointArgs,
        origin: Input[str],
        arn_suffix: Input[str],
        security_group_id: Input[str],
        target_group: aws.lb.TargetGroup,
        listener: pulumi.Resource,
    ) -> None:
        self.url = _url(args, origin)
        self.arn_suffix = pulumi.Output.from_input(arn_suffix)
        self.target_group_arn_suffix = target_group.arn_suffix
        self.target = Target(
            target_group_arn=target_group.arn,
            security_group_id=security_group_id,
            listener=listener,
            request_label=pulumi.Output.concat(arn_suffix, "/", target_group.arn_suffix),
        )

    def point_domain(self, *, after: pulumi.Resource) -> None:
        """With a domain, point it to the load balancer once `after`, the service, answers behind it.

        Another load balancer gets the domain's requests only when its targets are healthy.
        """
        if self._args.domain:
            create_alias(
                self._name,
                self._args.domain,
                self._zone_id,
                self._load_balancer,
                ipv6=self._args.ipv6,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[after]),
            )

    def _allow_clients(
        self, name: str, args: LoadBalancedEndpointArgs, security_group: aws.ec2.SecurityGroup
    ) -> Sequence[pulumi.Resource]:
        return [
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
            for protocol, port in args.ports.items()
            for cidr in args.allowed_cidrs
        ]

    def _create_load_balancer(
        self, name: str, args: LoadBalancedEndpointArgs, security_group: aws.ec2.SecurityGroup
    ) -> aws.lb.LoadBalancer:
        if name.lower().startswith(LOAD_BALANCER_RESERVED_PREFIX):
            raise ProgramError(
                f'The load balancer cannot be named "{name}-lb": AWS reserves names that begin with '
                f'"{LOAD_BALANCER_RESERVED_PREFIX}".\nTo fix it: give the project another name in Pulumi.yaml'
            )
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
            # Its subnets could be changed within a VPC only; the group is replaced with the VPC.
            opts=pulumi.ResourceOptions(parent=self, depends_on=writable, replace_with=[security_group]),
        )

    def _certificate(self, name: str, args: LoadBalancedEndpointArgs) -> Input[str] | None:
        """The certificate, None for plain HTTP."""
        if args.plain_http:
            pulumi.log.warn(
                "The service will answer over plain HTTP, which anyone on the path can read and change. For HTTPS: "
                "pulumi config set domain films.example.com (a name in a zone of Route 53), or certificateArn and "
                "publicUrl",
                self,
            )
        if not args.domain:
            return args.certificate_arn or None
        self._zone_id = hosted_zone_id(args.domain, args.hosted_zone_id, self)
        return args.certificate_arn or validated_certificate(
            name, args.domain, self._zone_id, pulumi.ResourceOptions(parent=self)
        )


def _checked_vpc(balancer: ExistingBalancer, vpc_id: Input[str]) -> Input[str]:
    """A known id is checked before anything is registered that depends on it."""
    if isinstance(vpc_id, str):
        return check_vpc(balancer, vpc_id)
    return pulumi.Output.all(vpc_id).apply(lambda known: check_vpc(balancer, known[0]))


def _url(args: LoadBalancedEndpointArgs, origin: Input[str]) -> pulumi.Output[str]:
    if args.public_url:
        has_path = "/" in args.public_url.partition("://")[2]
        return pulumi.Output.from_input(args.public_url + ("" if has_path else args.root_path))
    return pulumi.Output.concat(origin, args.root_path)


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
