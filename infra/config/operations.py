"""The part of the configuration that says who is told when something goes wrong or costs too much."""

import re
from collections.abc import Mapping

from infra.config.settings_operations import BudgetSettings, MonitoringSettings
from infra.config.unused import reject_unused
from infra.config.values import ConfigValues, set_command
from infra.contract import METRICS_NAMESPACE
from infra.errors import ConfigError


def monitoring_settings(values: ConfigValues) -> MonitoringSettings:
    """Whether to watch, and whom to tell."""
    on, email = values.boolean("watching"), _email("alarmEmail", values.text("alarmEmail"))
    if email and not on:
        raise ConfigError(
            key="alarmEmail",
            problem=f'is "{email}", but there are no alarms to tell of; allowed with watching',
            command=set_command("watching", "true"),
        )
    latency = values.whole_number("latencyAlarmMilliseconds", low=1, high=60_000)
    reject_unused(
        "latencyAlarmMilliseconds",
        latency,
        works=on,
        problem="but there are no alarms to ring; allowed with watching",
        needs=("watching", "true"),
    )
    return MonitoringSettings(on=on, alarm_email=email, latency_alarm_ms=latency)


def budget_settings(values: ConfigValues) -> BudgetSettings:
    """What the stack may cost a month, and whom to tell."""
    monthly_usd = values.whole_number("monthlyBudgetUsd", low=0, high=1_000_000)
    email = _email("budgetEmail", values.text("budgetEmail"))
    if bool(monthly_usd) != bool(email):
        key, other, example = (
            ("monthlyBudgetUsd", "budgetEmail", "team@example.com")
            if monthly_usd
            else ("budgetEmail", "monthlyBudgetUsd", "100")
        )
        raise ConfigError(
            key=key,
            problem=f'is "{monthly_usd or email}", which goes with {other}: a budget needs somebody who is told',
            command=set_command(other, example),
        )
    return BudgetSettings(monthly_usd=monthly_usd, email=email)


def metrics_environment(watching: MonitoringSettings, service: str) -> Mapping[str, str]:
    """What a task must be told so that it writes metrics into its log; nothing where nobody looks."""
    return {"METRICS_NAMESPACE": METRICS_NAMESPACE, "SERVICE_NAME": service} if watching.on else {}


def _email(key: str, value: str) -> str:
    if value and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise ConfigError(
            key=key,
            problem=f'is "{value}"; allowed: an e-mail address, or nothing',
            command=set_command(key, "team@example.com"),
        )
    return value
