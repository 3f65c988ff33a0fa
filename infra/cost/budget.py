"""The monthly budget with e-mail notifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.config.budget import BudgetSettings

WARN_PERCENT: Final = 80
OWNER_TAGS: Final = ("project", "stack")


class MonthlyBudgetArgs(BudgetSettings):
    """Arguments of `MonthlyBudget`, beside its settings. tags: the costs of resources with its `OWNER_TAGS` count."""

    tags: Mapping[str, str]


class MonthlyBudget(pulumi.ComponentResource):
    """Notifies when the month's costs are forecast to exceed the budget, and when 80 % of it is spent.

    Costs are counted by tag: `project` and `stack` have to be activated as cost allocation tags once per account, in
    the Billing console. Source: "Activating user-defined cost allocation tags" (docs.aws.amazon.com). A budget with a
    filter expression counts nothing without a metric: https://github.com/hashicorp/terraform-provider-aws/issues/46866.
    """

    budget_name: pulumi.Output[str]

    def __init__(self, name: str, args: MonthlyBudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:MonthlyBudget", name, None, opts)
        budget = aws.budgets.Budget(
            f"{name}-budget",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.monthly_usd),
            limit_unit="USD",
            filter_expression=aws.budgets.BudgetFilterExpressionArgs(ands=_stack_filter(args.tags)),
            metrics="UnblendedCost",
            notifications=[
                _notification(args.email, "FORECASTED", 100),
                _notification(args.email, "ACTUAL", WARN_PERCENT),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.budget_name = budget.name
        self.register_outputs({"budget_name": self.budget_name})


def create_budget(name: str, tags: Mapping[str, str], settings: BudgetSettings) -> MonthlyBudget | None:
    """The budget; None without an amount."""
    return MonthlyBudget(name, MonthlyBudgetArgs(**settings.args(), tags=tags)) if settings.monthly_usd else None


def _stack_filter(tags: Mapping[str, str]) -> Sequence[aws.budgets.BudgetFilterExpressionAndArgs]:
    return [
        aws.budgets.BudgetFilterExpressionAndArgs(
            tags=aws.budgets.BudgetFilterExpressionAndTagsArgs(key=key, values=[tags[key]], match_options=["EQUALS"])
        )
        for key in OWNER_TAGS
    ]


def _notification(email: str, kind: str, percent: int) -> aws.budgets.BudgetNotificationArgs:
    return aws.budgets.BudgetNotificationArgs(
        notification_type=kind,
        comparison_operator="GREATER_THAN",
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_email_addresses=[email],
    )
