"""The load balancer's listeners: HTTPS with a certificate, and then a redirect from HTTP."""

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input
from infra.aws_limits import HTTP_PORT, HTTPS_PORT

TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""TLS 1.3 and 1.2 with forward secrecy, and post-quantum key exchange for clients that support it, as AWS
recommends; the API's default is the policy of 2016. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
("Security policies for your Application Load Balancer")"""


def create_listeners(
    name: str,
    *,
    load_balancer_arn: Input[str],
    target_group_arn: Input[str],
    certificate_arn: Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> aws.lb.Listener:
    """The listener that forwards to the target group; with a certificate, HTTP redirects to HTTPS."""
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
    """A 301 redirect: listeners support 301 and 302 only."""
    redirect = aws.lb.ListenerDefaultActionRedirectArgs(protocol="HTTPS", port=str(HTTPS_PORT), status_code="HTTP_301")
    return aws.lb.ListenerDefaultActionArgs(type="redirect", redirect=redirect)
