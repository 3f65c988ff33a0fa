"""The web application firewall (WAF) of the load balancer: AWS's managed rules and a rate limit per address."""

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input

MANAGED_RULES: Final = ("AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet")
"""Source: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
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
            *(_managed(rule, 1 + position) for position, rule in enumerate(MANAGED_RULES)),
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


def _managed(rule: str, priority: int) -> aws.wafv2.WebAclRuleArgs:
    return aws.wafv2.WebAclRuleArgs(
        name=rule,
        priority=priority,
        override_action=_no_override(),
        statement=aws.wafv2.WebAclRuleStatementArgs(
            managed_rule_group_statement=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                vendor_name="AWS", name=rule
            )
        ),
        visibility_config=_visibility(rule),
    )


def _no_override() -> aws.wafv2.WebAclRuleOverrideActionArgs:
    nothing = aws.wafv2.WebAclRuleOverrideActionNoneArgs()  # type: ignore[no-untyped-call]
    return aws.wafv2.WebAclRuleOverrideActionArgs(none=nothing)


def _visibility(metric: str) -> aws.wafv2.WebAclRuleVisibilityConfigArgs:
    return aws.wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
