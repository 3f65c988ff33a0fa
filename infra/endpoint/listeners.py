"""The load balancer's listeners: HTTPS with a certificate, and then a redirect from HTTP; a rule for a path prefix."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
    client_rules: Sequence[pulumi.Resource],
    root_path: str = "",
    opts: pulumi.ResourceOptions,
) -> aws.lb.Listener | aws.lb.ListenerRule:
    """The listener that forwards to the target group; with a certificate, HTTP redirects to HTTPS once that answers.

    client_rules: let clients connect. With a root_path: the rule that forwards the paths below it, all others are
    answered by 404.
    """
    forward = aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=target_group_arn)
    default = _not_found(root_path) if root_path else forward
    if not certificate_arn:
        http = _http(name, load_balancer_arn, default, opts)
        return _path_rule(name, http, target_group_arn, root_path, opts) if root_path else http
    https = aws.lb.Listener(
        f"{name}-https",
        load_balancer_arn=load_balancer_arn,
        protocol="HTTPS",
        port=HTTPS_PORT,
        ssl_policy=TLS_POLICY,
        certificate_arn=certificate_arn,
        default_actions=[default],
        opts=opts,
    )
    forwarding = _path_rule(name, https, target_group_arn, root_path, opts) if root_path else https
    answers = pulumi.ResourceOptions(depends_on=[forwarding, *client_rules])
    _http(name, load_balancer_arn, _to_https(), pulumi.ResourceOptions.merge(opts, answers))
    return forwarding


def join_listener(
    name: str,
    *,
    listener_arn: str,
    target_group_arn: Input[str],
    host_names: Sequence[str],
    root_path: str,
    priority: int,
    opts: pulumi.ResourceOptions,
) -> aws.lb.ListenerRule:
    """A rule of an existing listener that forwards requests for these hosts and this path; empty: any.

    priority: 0: after the listener's other rules.
    """
    hosts = aws.lb.ListenerRuleConditionArgs(
        host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=list(host_names))
    )
    return aws.lb.ListenerRule(
        f"{name}-listener-rule",
        listener_arn=listener_arn,
        priority=priority or None,
        actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=target_group_arn)],
        conditions=[*([hosts] if host_names else []), *([_below(root_path)] if root_path else [])],
        opts=opts,
    )


def _http(
    name: str,
    load_balancer_arn: Input[str],
    default: aws.lb.ListenerDefaultActionArgs,
    opts: pulumi.ResourceOptions,
) -> aws.lb.Listener:
    return aws.lb.Listener(
        f"{name}-http",
        load_balancer_arn=load_balancer_arn,
        protocol="HTTP",
        port=HTTP_PORT,
        default_actions=[default],
        opts=opts,
    )


def _path_rule(
    name: str,
    listener: aws.lb.Listener,
    target_group_arn: Input[str],
    root_path: str,
    opts: pulumi.ResourceOptions,
) -> aws.lb.ListenerRule:
    return aws.lb.ListenerRule(
        f"{name}-root-path",
        listener_arn=listener.arn,
        priority=1,
        actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=target_group_arn)],
        conditions=[_below(root_path)],
        opts=opts,
    )


def _below(root_path: str) -> aws.lb.ListenerRuleConditionArgs:
    paths = aws.lb.ListenerRuleConditionPathPatternArgs(values=[root_path, f"{root_path}/*"])
    return aws.lb.ListenerRuleConditionArgs(path_pattern=paths)


def _not_found(root_path: str) -> aws.lb.ListenerDefaultActionArgs:
    """The API's form of an error. A fixed response has at most 1024 characters."""
    body = json.dumps({"success": False, "error": f"every path here begins with {root_path}"})
    response = aws.lb.ListenerDefaultActionFixedResponseArgs(
        content_type="application/json", message_body=body, status_code="404"
    )
    return aws.lb.ListenerDefaultActionArgs(type="fixed-response", fixed_response=response)


def _to_https() -> aws.lb.ListenerDefaultActionArgs:
    """A 301 redirect: listeners support 301 and 302 only."""
    redirect = aws.lb.ListenerDefaultActionRedirectArgs(protocol="HTTPS", port=str(HTTPS_PORT), status_code="HTTP_301")
    return aws.lb.ListenerDefaultActionArgs(type="redirect", redirect=redirect)
