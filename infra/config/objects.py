"""Reading a list of JSON objects from the configuration, one member at a time. Imports no Pulumi resource."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from infra.config.values import ConfigValues, set_command
from infra.errors import ConfigError

_SCHEDULE: Final = re.compile(r"(cron\([^()]+\)|rate\(\d+ (minute|hour|day)s?\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\))")
_TIMEZONE: Final = re.compile(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)*")


class ConfigObject:
    """One JSON object of a list of them. example: a whole object to propose when something is wrong with this one."""

    def __init__(self, key: str, text: str, example: str) -> None:
        self.key = key
        self._example = example
        self._read: set[str] = set()
        try:
            value = json.loads(text)
        except ValueError as error:
            raise self.refused(f"is no JSON ({error}); allowed: an object") from None
        if not isinstance(value, dict):
            raise self.refused(f"is {text}; allowed: an object")
        self._value: dict[str, Any] = value

    def text(self, member: str, *, pattern: str, allowed: str, default: str | None = None) -> str:
        """A text that matches; raises `ConfigError` when it is not there and has no default."""
        value = self._member(member, default)
        if not isinstance(value, str) or not (value == default or re.fullmatch(pattern, value)):
            raise self.refused(f"has {json.dumps(value)} for {member}; allowed: {allowed}")
        return value

    def schedule(self, *, default: str | None = None) -> str:
        """An expression for a moment or a rhythm."""
        allowed = "cron(0 4 * * ? *), rate(1 day) or at(2030-01-31T04:00:00)"
        return self.text("schedule", pattern=_SCHEDULE.pattern, allowed=allowed, default=default)

    def timezone(self) -> str:
        """The name of a time zone, UTC when there is none."""
        return self.text("timezone", pattern=_TIMEZONE.pattern, allowed="UTC, Europe/Berlin, ...", default="UTC")

    def strings(
        self, member: str, *, pattern: str, allowed: str, default: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """A list of texts that match; raises `ConfigError` when it is not there and has no default."""
        value = self._member(member, default)
        good = isinstance(value, list | tuple) and all(
            isinstance(item, str) and re.fullmatch(pattern, item, re.DOTALL) for item in value
        )
        if not good:
            raise self.refused(f"has {json.dumps(value)} for {member}; allowed: {allowed}")
        return tuple(value)

    def whole_number(self, member: str, *, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        value = self._member(member, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            allowed = f"a whole number from {low} to {high}"
            raise self.refused(f"has {json.dumps(value)} for {member}; allowed: {allowed}")
        return value

    def reject_unknown(self) -> None:
        """Raise `ConfigError` for members that nothing has read."""
        if unknown := sorted(set(self._value) - self._read):
            raise self.refused(f"has {', '.join(unknown)}; allowed: {', '.join(sorted(self._read))}")

    def refused(self, problem: str) -> ConfigError:
        """The error that names this object and proposes the example."""
        return ConfigError(key=self.key, problem=problem, command=set_command(self.key, self._example))

    def _member(self, member: str, default: object) -> Any:
        self._read.add(member)
        return self._value.get(member, default)


def objects(values: ConfigValues, key: str, example: str) -> list[ConfigObject]:
    """The objects of a list, each with its place in the list as its key."""
    return [ConfigObject(f"{key}[{place}]", text, example) for place, text in enumerate(values.strings(key))]


def reject_duplicates(found: Sequence[ConfigObject], names: Sequence[str]) -> None:
    """Raise `ConfigError` for the first object whose name another one has."""
    for place, name in enumerate(names):
        if name in names[:place]:
            raise found[place].refused(f'is called "{name}", as another one is; allowed: names of their own')
