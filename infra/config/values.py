"""Reading one configuration value at a time: text in, a typed value or a `ConfigError` out. Imports no Pulumi."""

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TypeVar

from infra.errors import ConfigError

Choice = TypeVar("Choice", bound=str)


class ConfigValues:
    """The project's configuration as a mapping of key to text, lists as JSON, the way Pulumi hands it over.

    Remembers which keys were read, so that what is left over can be refused.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._read: set[str] = set()

    def text(self, key: str) -> str:
        """The value without surrounding space; empty when there is none."""
        self._read.add(key)
        return self._values.get(key, "").strip()

    def choice(self, key: str, allowed: Collection[Choice]) -> Choice:
        """One of the allowed words, in any case."""
        text = self.text(key)
        by_lower_case = {word.lower(): word for word in allowed}
        if text.lower() in by_lower_case:
            return by_lower_case[text.lower()]
        nearest = get_close_matches(text.lower(), by_lower_case, n=1, cutoff=0)
        raise ConfigError(
            key=key,
            problem=f'is "{text}"; allowed: {", ".join(allowed)}',
            command=set_command(key, by_lower_case[nearest[0]]),
        )

    def whole_number(self, key: str, *, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        text = self.text(key)
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            nearest = low if number is None else min(max(number, low), high)
            raise ConfigError(
                key=key,
                problem=f'is "{text}"; allowed: a whole number from {low} to {high}',
                command=set_command(key, nearest),
            )
        return number

    def boolean(self, key: str) -> bool:
        """True or false."""
        return self.choice(key, ("true", "false")) == "true"

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        text = self.text(key)
        if not text:
            return ()
        try:
            items = json.loads(text)
        except ValueError:
            items = None
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ConfigError(
                key=key,
                problem=f'is "{text}"; allowed: a list of texts',
                command=f"pulumi config rm {key}, then pulumi config set --path '{key}[0]' VALUE",
            )
        return tuple(item.strip() for item in items)

    def pairs(self, key: str, *, example: str) -> dict[str, str]:
        """A list of NAME=value texts as a mapping; a message shows the name alone, never the value."""
        pairs: dict[str, str] = {}
        for index, item in enumerate(self.strings(key)):
            name, equals, value = item.partition("=")
            mend = set_command(f"{key}[{index}]", example)
            if not equals or not name.strip():
                raise ConfigError(key=key, problem=f"has an item {index} that is not NAME=value", command=mend)
            if name in pairs:
                raise ConfigError(key=key, problem=f"names {name} twice", command=mend)
            pairs[name] = value
        return pairs

    def reject_unknown(self) -> None:
        """Raise `ConfigError` for the first key that nothing has read, with the nearest name that exists."""
        for key in sorted(set(self._values) - self._read):
            close = get_close_matches(key, self._read, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"known: {', '.join(sorted(self._read))}"
            raise ConfigError(key=key, problem=f"is no setting; {hint}", command=f"pulumi config rm {key}")


def set_command(key: str, value: object) -> str:
    """The command that sets a key, or an item of a list, of the stack's configuration."""
    if "[" in key:
        return f"pulumi config set --path '{key}' '{value}'"
    return f"pulumi config set {key} {value}"
