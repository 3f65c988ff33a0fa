"""What the load balancer listens to: HTTPS where there is a certificate, and then nothing else but a redirect."""

from typing import Final

import pulumi
import pulumi_aws as aws

HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443

TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""TLS 1.3 and 1.2 with forward secrecy, and post-quantum key exchange for clients that know it: what AWS
recommends. Without a name the API would take the policy of 2016. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
("Security policies for your Application Load Balancer")"""


def create_listeners(
    name: str,
    *,
    load_balancer_arn: pulumi.Input[str],
    target_group_arn: pulumi.Input[str],
    certificate_arn: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> aws.lb.Listener:
    """The listener that forwards to the target group; with a certificate, HTTP leads to HTTPS."""
    forward = aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=target_group_arn)
    http = aws.lb.Listener(
        f"{name}-http",
        load_balancer_arn=load_balancer_arn,
        protocol="HTTP",
        port=HTTP_PORT,
        default_actions=[_to_https() if certificate_arn else forward],
        opts=opts,
    )
    if not certificate_arn:
        return http
    return aws.lb.Listener(
        f"{name}-https",
        load_balancer_arn=load_balancer_arn,
        protocol="HTTPS",
        port=HTTPS_PORT,
        ssl_policy=TLS_POLICY,
        certificate_arn=certificate_arn,
        default_actions=[forward],
        opts=opts,
    )


def _to_https() -> aws.lb.ListenerDefaultActionArgs:
    """308 would keep the method, which a listener cannot answer; 301 is what every client and crawler knows."""
    redirect = aws.lb.ListenerDefaultActionRedirectArgs(protocol="HTTPS", port=str(HTTPS_PORT), status_code="HTTP_301")
    return aws.lb.ListenerDefaultActionArgs(type="redirect", redirect=redirect)
