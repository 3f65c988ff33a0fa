"""Settings of monitoring."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.config.base import EMAIL, SettingError, Settings, reject_unused
from infra.errors import Remove, Set


class MonitoringSettings(Settings):
    """Monitoring: alarms, dashboard, model metrics."""

    enabled: Annotated[
        bool,
        Field(
            alias="monitoring",
            description="Alarms to an SNS topic, a dashboard and model metrics; alarms roll a deployment back",
        ),
    ] = False
    alarm_email: Annotated[
        str, EMAIL, Field(description="With monitoring: e-mail address for alarms, once its owner has confirmed")
    ] = ""
    latency_p95_alarm_ms: Annotated[
        int,
        Field(
            ge=1,
            le=60_000,
            description="With monitoring: threshold of the p95 latency alarm, milliseconds",
        ),
    ] = 500

    @model_validator(mode="after")
    def _check_unused(self) -> Self:
        if self.alarm_email and not self.enabled:
            problem = f'is "{self.alarm_email}", but there are no alarms to report; allowed with monitoring'
            fixes = Set("monitoring", "true"), Remove("alarmEmail")
            raise SettingError(problem, *fixes, key="alarmEmail")
        reject_unused(
            self,
            ["latency_p95_alarm_ms"],
            used=self.enabled,
            problem="but there are no alarms; allowed with monitoring",
            fix=Set("monitoring", "true"),
        )
        return self
