"""What a stack is watched for and what it may cost; `config_operations.py` makes these values."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MonitoringSettings:
    """Whether anybody looks.

    on: alarms, a dashboard and the model's own metrics; without it there is none of them.
    alarm_email: is told of every alarm, after its owner has confirmed; empty: nobody is.
    latency_alarm_ms: that all but five in a hundred requests must stay below, milliseconds.
    """

    on: bool
    alarm_email: str
    latency_alarm_ms: int

    def __post_init__(self) -> None:
        if self.alarm_email and not self.on:
            raise ValueError("alarm_email goes with on")
        if self.latency_alarm_ms < 1:
            raise ValueError(f"latency_alarm_ms is {self.latency_alarm_ms}; allowed: 1 or more")


@dataclass(frozen=True, kw_only=True)
class BudgetSettings:
    """monthly_usd: dollars a month above which `email` is told, before they are spent; 0: no budget."""

    monthly_usd: int
    email: str

    def __post_init__(self) -> None:
        if self.monthly_usd < 0:
            raise ValueError(f"monthly_usd is {self.monthly_usd}; allowed: 0 (no budget) or more")
        if self.monthly_usd and not self.email:
            raise ValueError("monthly_usd needs an email to tell")
