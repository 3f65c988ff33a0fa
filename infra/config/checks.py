"""What a value must look like, beyond its type; each check returns the value or raises `ConfigError`.

Imports no Pulumi resource. Keys are given by the caller, so that the message names what the user wrote.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from infra.config.values import set_command
from infra.contract import RESERVED_ENVIRONMENT
from infra.errors import ConfigError
from infra.image.reference import parse_image_uri

LOG_RETENTION_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
("PutRetentionPolicy")"""

SLOW_START_SECONDS: Final = (30, 900)
"""Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
("Edit target group attributes for your Application Load Balancer")"""

_SECRET_ARN: Final = re.compile(r"arn:[a-z-]+:(secretsmanager:[^:]+:\d{12}:secret:.+|ssm:[^:]+:\d{12}:parameter/.+)")


def cidrs(key: str, values: Sequence[str]) -> tuple[str, ...]:
    """IPv4 or IPv6 ranges, at least one, each without host bits and none twice."""
    for index, value in enumerate(values):
        try:
            ip_network(value)
        except ValueError as error:
            raise ConfigError(
                key=key,
                problem=f'has "{value}" ({error}); allowed: address ranges such as 203.0.113.0/24 or 2001:db8::/32',
                command=set_command(f"{key}[{index}]", "203.0.113.0/24"),
            ) from None
    if not values or len(set(values)) < len(values):
        raise ConfigError(
            key=key,
            problem=f"is {list(values)}; allowed: one address range or more, none twice",
            command=f"pulumi config rm {key}, then {set_command(f'{key}[0]', '0.0.0.0/0')}",
        )
    return tuple(values)


def url(key: str, value: str) -> str:
    """Empty, or http(s)://host[:port] with an optional path, without the slash at the end."""
    return _match(key, value.rstrip("/"), r"https?://[^\s/]+(/\S*)?", "a URL", "https://films.example.com")


def registry_host(key: str, value: str) -> str:
    """Empty, or host[:port] without a scheme or path."""
    return _match(key, value, r"[A-Za-z0-9.-]+(:\d{1,5})?", "host or host:port", "localhost:4566")


def kms_key_arn(key: str, value: str) -> str:
    """Empty, or the ARN of a KMS key."""
    example = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    return _match(key, value, r"arn:[a-z-]+:kms:[^:]+:\d{12}:key/\S+", "the ARN of a KMS key", example)


def model_version(key: str, value: str) -> str:
    """Empty, or the first 12 hex digits that training printed."""
    return _match(key, value, r"[0-9a-f]{12}", "12 hex digits", "0123456789ab")


def account_ids(key: str, values: Sequence[str]) -> tuple[str, ...]:
    """Ids of AWS accounts, 12 digits each."""
    for index, value in enumerate(values):
        _match(f"{key}[{index}]", value or "-", r"\d{12}", "an account's id, 12 digits", "111122223333")
    return tuple(values)


def image_uri(key: str, value: str) -> str:
    """Empty, or an image with a tag or a digest."""
    if value:
        try:
            parse_image_uri(value)
        except ValueError as error:
            raise ConfigError(
                key=key,
                problem=f'is "{value}": {error}',
                command=set_command(key, "registry.example.com/recommender:1.0"),
            ) from None
    return value


def readable_file(key: str, value: str) -> Path | None:
    """None when empty, or the path of a file that is there."""
    if not value:
        return None
    try:
        path = Path(value).expanduser()
    except RuntimeError:  # the home of a user that there is not
        path = Path(value)
    if not path.is_file():
        raise ConfigError(
            key=key,
            problem=f'is "{value}", where there is no file; allowed: the path of a file',
            command=f"{set_command(key, '/path/to/the/file')} (or pulumi config rm {key})",
        )
    return path


def off_or_within(key: str, value: int, allowed: tuple[int, int]) -> int:
    """0, or within what AWS takes, both ends included."""
    low, high = allowed
    if value and not low <= value <= high:
        raise ConfigError(
            key=key, problem=f'is "{value}"; allowed: 0 (off) or {low} to {high}', command=set_command(key, low)
        )
    return value


def max_count(key: str, count: int, desired_count: int) -> int:
    """0, or at least as many tasks as are wanted."""
    if count and count < max(desired_count, 1):
        raise ConfigError(
            key=key,
            problem=f'is "{count}"; allowed: 0 (no autoscaling) or at least desiredCount, {desired_count}',
            command=set_command(key, max(desired_count, 1)),
        )
    return count


def log_retention(key: str, value: str) -> int:
    """A number of days that CloudWatch Logs knows."""
    if value not in {str(days) for days in LOG_RETENTION_DAYS}:
        days = int(value) if value.isdecimal() else 30
        nearest = min(LOG_RETENTION_DAYS, key=lambda allowed: abs(allowed - days))
        raise ConfigError(
            key=key,
            problem=f'is "{value}"; allowed: {", ".join(map(str, LOG_RETENTION_DAYS))}',
            command=set_command(key, nearest),
        )
    return int(value)


def environment(key: str, variables: Mapping[str, str]) -> Mapping[str, str]:
    """Names that a shell takes, and none that the program sets itself."""
    for name in variables:
        if name in RESERVED_ENVIRONMENT or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ConfigError(
                key=key,
                problem=f'names "{name}"; allowed: letters, digits and _, not beginning with a digit, and not '
                f"{', '.join(sorted(RESERVED_ENVIRONMENT))}, which the program sets",
                command=f"pulumi config set --path '{key}[0]' 'NAME=value'",
            )
    return variables


def secrets(key: str, arns: Mapping[str, str], plain: Mapping[str, str]) -> Mapping[str, str]:
    """Variables by the ARN of a Secrets Manager secret or an SSM parameter, none also in plain sight."""
    environment(key, arns)
    for index, (name, arn) in enumerate(arns.items()):
        mend = set_command(f"{key}[{index}]", f"{name}=arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME")
        if not _SECRET_ARN.fullmatch(arn):
            allowed = "the ARN of a Secrets Manager secret or an SSM parameter"
            raise ConfigError(key=key, problem=f"has for {name} a value that is not {allowed}", command=mend)
        if name in plain:
            raise ConfigError(key=key, problem=f"names {name}, which environment names too", command=mend)
    return arns


def tags(key: str, values: Mapping[str, str]) -> Mapping[str, str]:
    """Tags that AWS takes: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    ("Best practices and strategies")."""
    for index, (name, value) in enumerate(values.items()):
        if name.lower().startswith("aws:") or len(name) > 128 or len(value) > 256:
            raise ConfigError(
                key=key,
                problem=f'has "{name}"; allowed: names of at most 128 characters not beginning with aws:, '
                "values of at most 256",
                command=set_command(f"{key}[{index}]", "team=search"),
            )
    return values


def _match(key: str, value: str, pattern: str, allowed: str, example: str) -> str:
    if value and not re.fullmatch(pattern, value):
        raise ConfigError(key=key, problem=f'is "{value}"; allowed: {allowed}', command=set_command(key, example))
    return value
