"""The web application firewall (WAF) of the load balancer: AWS's managed rules and a rate limit per address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input

MANAGED_RULES: Final[Mapping[str, Sequence[str]]] = {
    "AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
}
"""Managed rule groups, each with the rules that only count requests. SizeRestrictions_BODY would block bodies above
8 KB; the service itself takes at most 16 KiB (model_service/serving/api/params.py). Source:
https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
("Baseline rule groups")"""

RATE_WINDOW_SECONDS: Final = 300


def attach_waf(
    name: str, load_balancer_arn: Input[str], *, requests_per_address: int, opts: pulumi.ResourceOptions
) -> aws.wafv2.WebAcl:
    """A web ACL on the load balancer; requests_per_address: limit in five minutes, at least 10."""
    acl = aws.wafv2.WebAcl(
        f"{name}-firewall",
        scope="REGIONAL",
        default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
        rules=[
            _rate(requests_per_address),
            *(_managed(group, 1 + position) for position, group in enumerate(MANAGED_RULES)),
        ],
        visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
            cloudwatch_metrics_enabled=True, metric_name="firewall", sampled_requests_enabled=True
        ),
        opts=opts,
    )
    aws.wafv2.WebAclAssociation(
        f"{name}-firewall-at-balancer", resource_arn=load_balancer_arn, web_acl_arn=acl.arn, opts=opts
    )
    return acl


def _rate(limit: int) -> aws.wafv2.WebAclRuleArgs:
    return aws.wafv2.WebAclRuleArgs(
        name="rate",
        priority=0,
        action=aws.wafv2.WebAclRuleActionArgs(block=aws.wafv2.WebAclRuleActionBlockArgs()),
        statement=aws.wafv2.WebAclRuleStatementArgs(
            rate_based_statement=aws.wafv2.WebAclRuleStatementRateBasedStatementArgs(
                limit=limit, aggregate_key_type="IP", evaluation_window_sec=RATE_WINDOW_SECONDS
            )
        ),
        visibility_config=_visibility("rate"),
    )


def _managed(group: str, priority: int) -> aws.wafv2.WebAclRuleArgs:
    return aws.wafv2.WebAclRuleArgs(
        name=group,
        priority=priority,
        override_action=_no_override(),
        statement=aws.wafv2.WebAclRuleStatementArgs(
            managed_rule_group_statement=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                vendor_name="AWS",
                name=group,
                rule_action_overrides=[_only_count(rule) for rule in MANAGED_RULES[group]] or None,
            )
        ),
        visibility_config=_visibility(group),
    )


def _only_count(rule: str) -> aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs:
    count = aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
    action = aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(count=count)
    return aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(name=rule, action_to_use=action)


def _no_override() -> aws.wafv2.WebAclRuleOverrideActionArgs:
    nothing = aws.wafv2.WebAclRuleOverrideActionNoneArgs()  # type: ignore[no-untyped-call]
    return aws.wafv2.WebAclRuleOverrideActionArgs(none=nothing)


def _visibility(metric: str) -> aws.wafv2.WebAclRuleVisibilityConfigArgs:
    return aws.wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
