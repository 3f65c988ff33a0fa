"""Base of the settings models: a setting is a field with type, range, default and description."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from infra.aws_limits import nearest
from infra.errors import Fix, Remove, Set


class SettingError(ValueError):
    """A value that cannot be deployed: the problem and the fixes; `key` where it is not the validated field's."""

    def __init__(self, problem: str, *fixes: Fix, key: str = "") -> None:
        """problem: continues "KEY …". A fix of the key "" is one of the validated field."""
        super().__init__(f"{key} {problem}" if key else problem)
        self.problem, self.fixes, self.key = problem, fixes, key


class Settings(BaseModel):
    """The settings of one component: snake_case fields, with the camelCase keys of the configuration as aliases."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        arbitrary_types_allowed=True,
        coerce_numbers_to_str=True,
    )

    def args(self, **changes: Any) -> dict[str, Any]:
        """The fields as keyword arguments of the component that takes them, with `changes`."""
        return {**dict(self), **changes}


def key_of(model: type[BaseModel], field: str) -> str:
    """The configuration key of a field."""
    return model.model_fields[field].alias or field


def allowed_values(field: FieldInfo) -> str:
    """The allowed values of a setting in words; empty where the type says it all."""
    if isinstance(field.json_schema_extra, dict) and "allowed" in field.json_schema_extra:
        return str(field.json_schema_extra["allowed"])
    if get_origin(field.annotation) is Literal:
        return ", ".join(get_args(field.annotation))
    if check := check_of(field):
        return check.allowed
    low, high = bounds(field)
    return f"{low} to {high}" if high else ""


def check_of(field: FieldInfo) -> "Check | None":
    """The `Check` of a setting, if it has one."""
    functions = [entry.func for entry in field.metadata if isinstance(entry, AfterValidator)]
    return next((function for function in functions if isinstance(function, Check)), None)


def bounds(field: FieldInfo) -> tuple[int, int]:
    """The least and the greatest value of a numeric setting; (0, 0) for others."""
    limits = {name: getattr(limit, name) for limit in field.metadata for name in ("ge", "le") if hasattr(limit, name)}
    return limits.get("ge", 0), limits.get("le", 0)


def reject_unused(settings: Settings, fields: Sequence[str], *, used: bool, problem: str, fix: Fix) -> None:
    """Raise SettingError for the first of `fields` that is not at its default although it has no effect.

    A program cannot tell a default from the same value in a stack's file. fix: what would give the field an effect.
    """
    for field in fields:
        value = getattr(settings, field)
        if not used and value != type(settings).model_fields[field].default:
            key = key_of(type(settings), field)
            raise SettingError(f'is "{value}", {problem}', fix, Remove(key), key=key)


@dataclass(frozen=True)
class Check:
    """A check of one value; allowed: the allowed values in words; example: one of them."""

    allowed: str
    example: Any
    check: Callable[[Any], None]

    def __call__(self, value: Any) -> Any:
        self.check(value)
        return value


def matches(pattern: str, allowed: str, example: str) -> AfterValidator:
    """Text that is empty or a full match of `pattern`, described by `allowed`."""
    expression: Final = re.compile(pattern)

    def check(value: str) -> None:
        if value and not expression.fullmatch(value):
            raise SettingError(f'is "{value}"; allowed: {allowed}', Set("", example))

    return AfterValidator(Check(allowed, example, check))


def one_of(numbers: Collection[int]) -> AfterValidator:
    """One of `numbers`; the fix is the nearest."""
    choices: Final = sorted(numbers)
    allowed: Final = ", ".join(map(str, choices))

    def check(value: int) -> None:
        if value not in choices:
            raise SettingError(f'is "{value}"; allowed: {allowed}', Set("", nearest(value, choices)))

    return AfterValidator(Check(allowed, choices[0], check))


def off_or_within(bounds: tuple[int, int]) -> AfterValidator:
    """0, or a number within `bounds`, both included."""
    low, high = bounds
    allowed: Final = f"0 (off) or {low} to {high}"

    def check(value: int) -> None:
        if value and not low <= value <= high:
            raise SettingError(f'is "{value}"; allowed: {allowed}', Set("", low))

    return AfterValidator(Check(allowed, 0, check))


def each(check: Callable[[Any], None]) -> AfterValidator:
    """A list whose items pass `check`; the fix of an invalid item names its position."""

    def check_all(values: tuple[Any, ...]) -> tuple[Any, ...]:
        for position, value in enumerate(values):
            try:
                check(value)
            except SettingError as error:
                fixes = [Set(f"[{position}]", fix.value) if isinstance(fix, Set) else fix for fix in error.fixes]
                raise SettingError(error.problem, *fixes) from None
        return values

    return AfterValidator(check_all)


KMS_KEY: Final = r"arn:[a-z-]+:kms:[^:]+:\d{12}:key/\S+"
KMS_KEY_EXAMPLE: Final = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EMAIL: Final = matches(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address, or nothing", "team@example.com")
