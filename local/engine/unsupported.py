"""Resource types and functions that the emulated AWS lacks, with the settings that need them."""

from typing import Final, Literal

SETTINGS: Final[dict[str, str]] = {
    "awsx:ec2:Vpc": "network",
    "aws:ec2/vpcEndpoint:": "vpcEndpoints",
    "aws:ec2/getRouteTables:": "vpcEndpoints",
    "aws:ec2/getVpcEndpointService:": "vpcEndpoints",
    "aws:ec2/launchTemplate:": "launchType",
    "aws:autoscaling/": "launchType",
    "aws:ecs/capacityProvider:": "launchType",
    "aws:iam/instanceProfile:": "launchType",
    "aws:iam/rolePolicyAttachment:": "launchType",
    "aws:iam/policy:": "createPushPolicy",
    "aws:acm/": "domain",
    "aws:lb/get": "listenerArn",
    "aws:route53/": "domain",
    "aws:s3/": "accessLogDays",
    "aws:wafv2/": "wafRateLimit",
    "aws:appautoscaling/": "maxCount, scheduledMinimums or workingHours",
    "aws:scheduler/": "batchJobs",
    "aws:cloudwatch/": "monitoring",
    "aws:sns/": "monitoring",
    "aws:budgets/": "monthlyBudgetUsd",
}
"""The prefix of a type's or function's token, and the settings of `Pulumi.yaml` that need it."""


class UnsupportedError(LookupError):
    """The program needs a resource type or function without a handler; the text names the setting."""

    def __init__(self, what: Literal["resource type", "function"], token: str) -> None:
        self.setting = next((names for prefix, names in SETTINGS.items() if token.startswith(prefix)), "")
        source = f"the setting {self.setting}" if self.setting else "the program"
        cause = self.setting or "what needs it"
        super().__init__(
            f"{source} needs the {what} {token}, which the emulated AWS does not have: the stack `local` cannot do it, "
            f"one on a real account can. Remove {cause} from Pulumi.local.yaml (or from `config`), then try again."
        )
