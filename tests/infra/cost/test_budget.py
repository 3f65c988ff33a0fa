"""Claims about the budget: it counts this stack alone, and tells before the money is gone."""

from pathlib import Path
from typing import Any

import pytest

from infra.config.budget import BudgetSettings
from tests.infra.recorder import run_main

BUDGET = "aws:budgets/budget:Budget"


def test_who_sets_no_budget_gets_none(project: Path) -> None:
    assert run_main("prod").all(BUDGET) == []


def test_the_budget_counts_what_this_stack_is_tagged_with(project: Path) -> None:
    recorded = run_main("dev", config={"monthlyBudgetUsd": 75, "budgetEmail": "team@example.com"})
    inputs = recorded.one(BUDGET).inputs
    counted = {term["tags"]["key"]: term["tags"]["values"] for term in inputs["filterExpression"]["ands"]}
    tags = recorded.one("aws:ecs/cluster:Cluster").inputs["tags"]
    assert counted == {key: [tags[key]] for key in ("project", "stack")}
    assert (inputs["limitAmount"], inputs["limitUnit"], inputs["timeUnit"]) == ("75", "USD", "MONTHLY")


def test_the_filtered_costs_have_a_metric_without_which_nothing_is_counted(project: Path) -> None:
    inputs = run_main("dev", config={"monthlyBudgetUsd": 75, "budgetEmail": "team@example.com"}).one(BUDGET).inputs
    assert (inputs["budgetType"], inputs["metrics"]) == ("COST", "UnblendedCost")
    assert {"costTypes", "costFilters"}.isdisjoint(inputs)


def test_somebody_is_told_before_and_not_after(project: Path) -> None:
    recorded = run_main("dev", config={"monthlyBudgetUsd": 75, "budgetEmail": "team@example.com"})
    told = recorded.one(BUDGET).inputs["notifications"]
    assert {notice["notificationType"] for notice in told} == {"FORECASTED", "ACTUAL"}
    for notice in told:
        assert notice["subscriberEmailAddresses"] == ["team@example.com"]
        assert notice["notificationType"] == "FORECASTED" or notice["threshold"] < 100


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"monthly_usd": -1, "email": ""}, r"monthly_usd\n  Input should be greater than or equal to 0"),
        ({"monthly_usd": 5, "email": ""}, r'monthlyBudgetUsd is "5", which goes with budgetEmail'),
    ],
)
def test_a_budget_that_nobody_hears_of_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BudgetSettings(**values)
