"""Settings of the monthly budget."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.config.base import EMAIL, SettingError, Settings
from infra.errors import Remove, Set


class BudgetSettings(Settings):
    """Budget: monthly, with notifications."""

    monthly_usd: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            alias="monthlyBudgetUsd",
            description="Budget, US dollars a month; budgetEmail is notified before it is exceeded; 0: no budget",
        ),
    ] = 0
    email: Annotated[
        str, EMAIL, Field(alias="budgetEmail", description="With monthlyBudgetUsd: e-mail address for notifications")
    ] = ""

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if bool(self.monthly_usd) == bool(self.email):
            return self
        key, other, example = (
            ("monthlyBudgetUsd", "budgetEmail", "team@example.com")
            if self.monthly_usd
            else ("budgetEmail", "monthlyBudgetUsd", "100")
        )
        problem = f'is "{self.monthly_usd or self.email}", which goes with {other}: a budget needs both'
        raise SettingError(problem, Set(other, example), Remove(key), key=key)
