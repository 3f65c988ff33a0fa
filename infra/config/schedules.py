"""Settings that are lists of JSON objects with a name and a schedule."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra.config.base import SettingError

SCHEDULES: Final = "cron(0 4 * * ? *), rate(1 day) or at(2030-01-31T04:00:00)"

Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9-]{0,19}$",
        json_schema_extra={"allowed": "a letter, then letters, digits and -, at most 20"},
    ),
]
Schedule = Annotated[
    str,
    Field(
        pattern=r"^(cron\([^()]+\)|rate\(\d+ (minute|hour|day)s?\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\))$",
        json_schema_extra={"allowed": SCHEDULES},
    ),
]
Timezone = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_]+(/[A-Za-z0-9_+-]+)*$", json_schema_extra={"allowed": "UTC, Europe/Berlin, ..."}),
]


class ScheduleModel(BaseModel):
    """A JSON object in the configuration. EXAMPLE: a valid one, proposed as the fix of an invalid one."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    EXAMPLE: ClassVar[Mapping[str, Any]]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Item = TypeVar("_Item", bound=Sequence[Any])


def check_distinct_names(items: _Item) -> _Item:
    """`items`; raises SettingError when two have the same name."""
    names = [item.name for item in items]
    for position, name in enumerate(names):
        if name in names[:position]:
            problem = f'is called "{name}", as another one is; allowed: distinct names'
            raise SettingError(problem, key=f"[{position}]")
    return items
