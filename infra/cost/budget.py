"""A budget that tells somebody before the money is spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.config.settings_operations import BudgetSettings

WARN_PERCENT: Final = 80
OWNER_TAGS: Final = ("project", "stack")


@dataclass(frozen=True, kw_only=True)
class MonthlyBudgetArgs:
    """How much, whom to tell, and the tags whose resources count: those of `OWNER_TAGS`."""

    tags: Mapping[str, str]
    settings: BudgetSettings


class MonthlyBudget(pulumi.ComponentResource):
    """E-mails when the month's bill is forecast to pass the budget, and when most of it is spent.

    Only what AWS bills by tag is counted: `project` and `stack` have to be activated as cost allocation tags, once
    an account, in the Billing console. Source: "Activating user-defined cost allocation tags" (docs.aws.amazon.com).
    """

    budget_name: pulumi.Output[str]

    def __init__(self, name: str, args: MonthlyBudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:MonthlyBudget", name, None, opts)
        budget = aws.budgets.Budget(
            f"{name}-budget",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.settings.monthly_usd),
            limit_unit="USD",
            filter_expression=aws.budgets.BudgetFilterExpressionArgs(ands=_stack_filter(args.tags)),
            notifications=[
                _tell(args.settings.email, "FORECASTED", 100),
                _tell(args.settings.email, "ACTUAL", WARN_PERCENT),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.budget_name = budget.name
        self.register_outputs({"budget_name": self.budget_name})


def budget(name: str, tags: Mapping[str, str], settings: BudgetSettings) -> MonthlyBudget | None:
    """The budget, or None where nobody asked for one."""
    return MonthlyBudget(name, MonthlyBudgetArgs(tags=tags, settings=settings)) if settings.monthly_usd else None


def _stack_filter(tags: Mapping[str, str]) -> Sequence[aws.budgets.BudgetFilterExpressionAndArgs]:
    return [
        aws.budgets.BudgetFilterExpressionAndArgs(
            tags=aws.budgets.BudgetFilterExpressionAndTagsArgs(key=key, values=[tags[key]], match_options=["EQUALS"])
        )
        for key in OWNER_TAGS
    ]


def _tell(email: str, kind: str, percent: int) -> aws.budgets.BudgetNotificationArgs:
    return aws.budgets.BudgetNotificationArgs(
        notification_type=kind,
        comparison_operator="GREATER_THAN",
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_email_addresses=[email],
    )
