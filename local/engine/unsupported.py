"""What the stack `local` cannot do without the Pulumi CLI, and which setting asked for it."""

from typing import Final, Literal

SETTINGS: Final[dict[str, str]] = {
    "awsx:ec2:Vpc": "network",
    "aws:ec2/vpcEndpoint:": "vpcEndpoints",
    "aws:ec2/getRouteTables:": "vpcEndpoints",
    "aws:ec2/launchTemplate:": "launchType",
    "aws:autoscaling/": "launchType",
    "aws:ecs/capacityProvider:": "launchType",
    "aws:iam/instanceProfile:": "launchType",
    "aws:iam/rolePolicyAttachment:": "launchType",
    "aws:iam/policy:": "pusherPolicy",
    "aws:acm/": "domain",
    "aws:route53/": "domain",
    "aws:s3/": "accessLogDays",
    "aws:wafv2/": "firewallRate",
    "aws:appautoscaling/": "maxCount, scheduledFloors or workingHours",
    "aws:scheduler/": "tasks",
    "aws:cloudwatch/": "watching",
    "aws:sns/": "watching",
    "aws:budgets/": "monthlyBudgetUsd",
}
"""The beginning of a type's or a function's token, and the settings of `Pulumi.yaml` that the program needs it for."""


class UnsupportedError(LookupError):
    """The program asks for a resource type or a function that has no handler; the text says which setting is why."""

    def __init__(self, what: Literal["resource type", "function"], token: str) -> None:
        self.setting = next((names for beginning, names in SETTINGS.items() if token.startswith(beginning)), "")
        asked = f"the setting {self.setting} asks" if self.setting else "the program asks"
        mend = f"Take {self.setting}" if self.setting else "Take what needs it"
        super().__init__(
            f"{asked} for the {what} {token}, which the emulated AWS does not have: the stack `local` cannot do this, "
            f"one on a real account can. {mend} out of Pulumi.local.yaml (or of `config`), then try again."
        )
