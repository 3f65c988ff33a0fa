"""The only reader of the stack's configuration. Every key is declared, with its default, in a settings model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final, Literal, get_args, get_origin

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from infra import naming
from infra.aws_limits import partition_of
from infra.config.arns import Place, check_arns, own_account
from infra.config.base import SettingError, Settings, allowed_values, bounds, check_of
from infra.config.schedules import ScheduleModel
from infra.config.stack import StackSettings
from infra.errors import ConfigError, Fix, Remove, Rename, Set

GROUPS: Final[Mapping[str, type[Settings]]] = {
    name: field.annotation
    for name, field in StackSettings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
}
"""The settings models by their name in `StackSettings`."""

FIELDS: Final[Mapping[str, FieldInfo]] = {
    str(field.alias): field for model in GROUPS.values() for field in model.model_fields.values()
}
"""Every setting by its configuration key."""


RENAMED: Final[Mapping[str, str]] = {
    "approximateAbove": "annMinItems",
    "containerStartSeconds": "healthCheckStartPeriodSeconds",
    "execCommand": "enableExecuteCommand",
    "firewallRate": "wafRateLimit",
    "keepImages": "imageRetentionCount",
    "latencyAlarmMilliseconds": "latencyP95AlarmMs",
    "pusherPolicy": "createPushPolicy",
    "scheduledFloors": "scheduledMinimums",
    "tasks": "batchJobs",
    "watching": "monitoring",
}
"""Former keys and their present names (CHANGELOG.md)."""


def load_settings() -> StackSettings:
    """Read and check the configuration; raises `ConfigError` with everything in it that cannot be deployed."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    texts = _project_config(project)
    errors = [*_unknown_keys(texts)]
    groups: dict[str, Any] = {}
    for name, model in GROUPS.items():
        try:
            keys = [str(field.alias) for field in model.model_fields.values()]
            values = {key: _parse(key, texts[key]) for key in keys if key in texts}
            groups[name] = model(**values)
        except ConfigError as error:
            errors.append(error)
        except ValidationError as invalid:
            errors += [_config_error(error, values) for error in invalid.errors()]
    _raise(errors)
    settings = StackSettings(
        region=pulumi.Config("aws").get("region") or aws.get_region().region,
        name=naming.base_name(project, stack),
        repository_name=naming.repository_name(project, stack),
        default_tags={"project": project, "stack": stack, "managed-by": "pulumi"},
        emulated=bool(pulumi.Config("aws").get("endpoints")),
        **groups,
    )
    try:
        settings.check()
    except SettingError as invalid:
        raise _invalid(invalid, "") from None
    _check_places(texts, settings)
    for warning in settings.warnings():
        pulumi.log.warn(warning)
    return settings


def _raise(errors: Sequence[ConfigError]) -> None:
    if errors:
        first, *others = errors
        raise ConfigError(key=first.key, problem=first.problem, fixes=first.fixes, others=others)


def _check_places(texts: Mapping[str, str], settings: StackSettings) -> None:
    """Raise ConfigError for ARNs of another partition, region or account than the stack's.

    AWS is asked for the account only where an ARN depends on it, and after everything else has been compared.
    """
    if not any("arn:" in text for text in texts.values()):
        return
    place = Place(partition_of(settings.region), settings.region)
    isolated = settings.network.vpc_endpoints and settings.network.nat_gateways == "none"
    _raise(check_arns(texts, place, isolated=isolated))
    if own_account(texts) and not settings.emulated:
        place = replace(place, account=aws.get_caller_identity().account_id)
        _raise(check_arns(texts, place, isolated=isolated))


def _project_config(project: str) -> dict[str, str]:
    """The project's keys with their values as text, lists as JSON; raises ConfigError for a key stored as a secret."""
    config = pulumi.Config(project)
    prefix = f"{project}:"
    keys = [key.removeprefix(prefix) for key in {**get_config_env(), **CONFIG.get()} if key.startswith(prefix)]
    for key in keys:
        if is_config_secret(prefix + key):
            raise ConfigError(
                key=key,
                problem="is stored as a secret, but every setting is readable in what is deployed; "
                "the value of a secret belongs in Secrets Manager or SSM",
                fixes=[Remove(key), Set("secrets[0]", "NAME=ARN")],
            )
    return {key: (config.get(key) or "").strip() for key in keys}


def _unknown_keys(texts: Mapping[str, str]) -> Iterator[ConfigError]:
    for key in sorted(set(texts) - set(FIELDS)):
        if new := RENAMED.get(key):
            yield ConfigError(key=key, problem=f"is now {new}", fixes=[_rename(key, new, texts[key])])
            continue
        close = get_close_matches(key, FIELDS, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"known: {', '.join(sorted(FIELDS))}"
        fixes: list[Fix] = [_rename(key, close[0], texts[key])] if close else []
        yield ConfigError(key=key, problem=f"is no setting; {hint}", fixes=[*fixes, Remove(key)])


def _rename(old: str, new: str, text: str) -> Rename:
    """The value of `old` under its right key; a list's is not repeated."""
    if old == "approximateAbove" and text.isdigit() and int(text):
        text = str(int(text) + 1)  # it named the largest catalogue that is ranked exactly
    return Rename(old, new, "" if text.startswith("[") else text)


def _parse(key: str, text: str) -> Any:
    """The value of a configuration text by the type of its field; text that cannot be parsed stays text."""
    type_ = FIELDS[key].annotation
    if type_ is bool:
        return _parse_bool(key, text)
    if get_origin(type_) is Literal:
        return next((choice for choice in get_args(type_) if choice.lower() == text.lower()), text)
    if get_origin(type_) is tuple:
        return _parse_list(key, text, get_args(type_)[0])
    if get_origin(type_) is Mapping:
        return _parse_pairs(key, _parse_list(key, text, str))
    return text


def _parse_bool(key: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        fix = Set(key, "true" if text.lower() in ("yes", "on", "1", "y", "t") else "false")
        raise ConfigError(key=key, problem=f'is "{text}"; allowed: true, false', fixes=[fix])
    return text.lower() == "true"


def _parse_list(key: str, text: str, item: Any) -> tuple[Any, ...]:
    """The items of a list of texts; whole numbers stay numbers.

    `pulumi config set --path` and YAML without quotes make numbers and truth values of texts that look like them.
    """
    try:
        values = json.loads(text or "[]")
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str | int) for value in values):
        fixes: list[Fix] = [Remove(key), Set(f"{key}[0]", "VALUE")]
        raise ConfigError(key=key, problem=f'is "{text}"; allowed: a list of texts', fixes=fixes)
    plain = [json.dumps(value) if isinstance(value, bool) else value for value in values]
    stripped = [value.strip() if isinstance(value, str) else value for value in plain]
    if isinstance(item, type) and issubclass(item, ScheduleModel):
        return tuple(_parse_object(f"{key}[{place}]", str(value), item) for place, value in enumerate(stripped))
    return tuple(stripped)


def _parse_object(key: str, text: str, model: type[ScheduleModel]) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        problem = f"is no JSON ({error}); allowed: an object"
        raise ConfigError(key=key, problem=problem, fixes=[Set(key, json.dumps(model.EXAMPLE))]) from None
    if not isinstance(value, dict):
        problem = f"is {text}; allowed: an object"
        raise ConfigError(key=key, problem=problem, fixes=[Set(key, json.dumps(model.EXAMPLE))])
    return value


def _parse_pairs(key: str, items: tuple[Any, ...]) -> dict[str, str]:
    """NAME=value texts as a mapping; a message shows the name alone, never the value."""
    pairs: dict[str, str] = {}
    for place, item in enumerate(items):
        name, equals, value = str(item).partition("=")
        if not equals or not name.strip():
            problem = f"has an item {place} that is not NAME=value"
            raise ConfigError(key=key, problem=problem, fixes=[Set(f"{key}[{place}]", "NAME=value")])
        if name in pairs:
            problem = f"names {name} twice"
            raise ConfigError(key=key, problem=problem, fixes=[Set(f"{key}[{place}]", "NAME=value")])
        pairs[name] = value
    return pairs


def _config_error(error: Any, values: Mapping[str, Any]) -> ConfigError:
    """One of pydantic's errors as the key, the value, what is allowed, and the fix."""
    key, *path = error["loc"] or ("",)
    invalid = error.get("ctx", {}).get("error")
    if path:
        return _object_error(key, path, invalid, values)
    if isinstance(invalid, SettingError):
        return _invalid(invalid, key)
    allowed, fix = _allowed(FIELDS[key], str(error["input"]))
    return ConfigError(key=key, problem=f'is "{error["input"]}"; allowed: {allowed}', fixes=[Set(key, fix)])


def _object_error(key: str, path: list[Any], invalid: object, values: Mapping[str, Any]) -> ConfigError:
    """An error in a member of a JSON object of a list."""
    place, *members = path
    model = get_args(FIELDS[key].annotation)[0]
    fields = {str(field.alias): field for field in model.model_fields.values()}
    if isinstance(invalid, SettingError):
        problem = invalid.problem
    elif members[0] not in fields:
        problem = f"has {members[0]}; allowed: {', '.join(sorted(fields))}"
    else:
        value = json.dumps(values[key][place].get(members[0]))
        problem = f"has {value} for {members[0]}; allowed: {_allowed(fields[members[0]], '')[0]}"
    item = f"{key}[{place}]"
    return ConfigError(key=item, problem=problem, fixes=[Set(item, json.dumps(model.EXAMPLE))])


def _invalid(invalid: SettingError, key: str) -> ConfigError:
    key = key + invalid.key if invalid.key.startswith("[") else invalid.key or key
    fixes = [_of_key(fix, key) for fix in invalid.fixes]
    if not fixes:
        model = get_args(FIELDS[key.partition("[")[0]].annotation)[0]
        fixes = [Set(key, json.dumps(model.EXAMPLE))]
    return ConfigError(key=key, problem=invalid.problem, fixes=fixes)


def _of_key(fix: Fix, key: str) -> Fix:
    """`fix` with the key that the validated field has."""
    if isinstance(fix, str) or (fix.key and not fix.key.startswith("[")):
        return fix
    return Set(key + fix.key, fix.value) if isinstance(fix, Set) else Remove(key)


def _allowed(field: FieldInfo, text: str) -> tuple[str, Any]:
    """What a field allows, in words, and an allowed value near `text`."""
    if get_origin(field.annotation) is Literal:
        choices = {choice.lower(): choice for choice in get_args(field.annotation)}
        return allowed_values(field), choices[get_close_matches(text.lower(), choices, n=1, cutoff=0)[0]]
    if check := check_of(field):
        return check.allowed, check.example
    low, high = bounds(field)
    if not high:
        return allowed_values(field), ""
    number = _integer(text, low if field.is_required() else field.default)
    return f"a whole number from {low} to {high}", min(max(number, low), high)


def _integer(text: str, default: int) -> int:
    try:
        return int(text)
    except ValueError:
        return default
