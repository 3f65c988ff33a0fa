"""The ARNs in the settings: their documented forms, and the stack's partition, region and account."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.aws_limits import partition_of
from infra.errors import ConfigError, Set

UNREAD: Final = frozenset({"environment", "tags", "command"})
"""Settings, and members of JSON objects, whose texts are passed on as they are: an ARN in them is the user's own."""

_UUID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATH: Final = r"([\x21-\x7e]+/)?"


@dataclass(frozen=True, kw_only=True)
class ArnRule:
    """What AWS requires of the ARNs of a service.

    resource: full match of what follows the account. allowed: the same in words. own_account: of the stack's account
    only. any_region: of another region too. no_region: the service is not regional.
    """

    resource: str = ".+"
    allowed: str = ""
    own_account: bool = False
    any_region: bool = False
    no_region: bool = False


RULES: Final[Mapping[str, ArnRule]] = {
    "acm": ArnRule(resource=f"certificate/{_UUID}", allowed="certificate/UUID", own_account=True),
    "ecs": ArnRule(resource=r"[a-z-]+/[\w/:-]{1,255}", allowed="cluster/NAME", own_account=True),
    "elasticloadbalancing": ArnRule(
        resource=r"(loadbalancer|listener|listener-rule|targetgroup)/[A-Za-z0-9/-]+",
        allowed="listener/app/NAME/ID/ID",
        own_account=True,
    ),
    "iam": ArnRule(
        resource=rf"(role|policy|instance-profile)/{_PATH}[\w+=,.@-]{{1,128}}",
        allowed="role/NAME or policy/NAME",
        own_account=True,
        no_region=True,
    ),
    "kms": ArnRule(resource=f"(key/({_UUID}|mrk-[0-9a-f]{{32}})|alias/.+)", allowed="key/UUID"),
    "s3": ArnRule(no_region=True),
    "secretsmanager": ArnRule(any_region=True),
    "ssm": ArnRule(resource=r"parameter/[\w./-]+", allowed="parameter/NAME", any_region=True),
    "wafv2": ArnRule(own_account=True),
}
"""The rules by service; one that is not here is regional, of any account.

Sources (docs.aws.amazon.com): "Actions, resources, and condition keys" of each service for the forms; "SSL
certificates for your Application Load Balancer"; ECR's "EncryptionConfiguration" (a key is of the repository's region);
ECS's "Secret" and "Using non-AWS container images in Amazon ECS" (secrets and parameters may be of another region);
IAM's "Grant a user permissions to pass a role to an AWS service" (a role is of the account that passes it)."""


@dataclass(frozen=True)
class Place:
    """Where a stack is deployed; an empty part is not known."""

    partition: str = ""
    region: str = ""
    account: str = ""


@dataclass(frozen=True)
class _Found:
    """An ARN in the settings. text: the whole value, or item of a list, at `key`."""

    key: str
    text: str
    arn: str
    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def rule(self) -> ArnRule:
        return RULES.get(self.service, ArnRule())

    def error(self, problem: str, **parts: str) -> ConfigError:
        """The refusal of this ARN; parts: those that the fix replaces."""
        of = {name: getattr(self, name) for name in ("partition", "service", "region", "account", "resource")} | parts
        mended = self.text.replace(self.arn, ":".join(["arn", *of.values()]))
        return ConfigError(key=self.key, problem=f"has {self.arn}, {problem}", fixes=[Set(self.key, mended)])


def check_arns(texts: Mapping[str, str], place: Place, *, isolated: bool = False) -> list[ConfigError]:
    """A refusal for each ARN in the settings that the stack cannot use; a part of `place` that is not known is that of
    the first ARN that has to agree with it.

    texts: settings as the configuration holds them. isolated: the tasks reach no other region.
    """
    errors: list[ConfigError] = []
    first: dict[str, _Found] = {}
    for found in _arns(texts):
        if invalid := list(_form(found)):
            errors += invalid
            continue
        for part in _compared(found, isolated=isolated):
            value = getattr(found, part)
            expected = getattr(place, part) or getattr(first.setdefault(part, found), part)
            if value != expected:
                whose = "the stack's" if getattr(place, part) else f"that of {first[part].key}"
                errors.append(
                    found.error(f"of the {part} {value or '(none)'}; allowed: {expected}, {whose}", **{part: expected})
                )
                break
    return errors


def own_account(texts: Mapping[str, str]) -> str:
    """The account that the stack has to be in by the ARNs in its settings; empty: any."""
    return next((found.account for found in _arns(texts) if "account" in _compared(found, isolated=False)), "")


def _compared(found: _Found, *, isolated: bool) -> Iterator[str]:
    yield "partition"
    if not found.rule.no_region and (isolated or not found.rule.any_region):
        yield "region"
    if found.rule.own_account and found.account != "aws":
        yield "account"


def _form(found: _Found) -> Iterator[ConfigError]:
    rule = found.rule
    if not re.fullmatch(rule.resource, found.resource, re.ASCII):
        example = rule.allowed.partition(" or ")[0]
        yield found.error(f"which is none of AWS's; allowed: {rule.allowed} after the account", resource=example)
    elif rule.no_region and found.region:
        yield found.error(f"with the region {found.region}; allowed: no region", region="")
    elif found.region and partition_of(found.region) not in ("", found.partition):
        known = partition_of(found.region)
        problem = f"whose region {found.region} is of the partition {known}; allowed: arn:{known}:…"
        yield found.error(problem, partition=known)
    elif not re.fullmatch(r"\d{12}|aws|", found.account, re.ASCII):
        yield found.error(f"with the account {found.account}; allowed: 12 digits", account="111122223333")
    elif found.account == "aws" and not found.resource.startswith("policy/"):
        yield found.error("of the account aws, which has managed policies alone", account="111122223333")


def _arns(texts: Mapping[str, str]) -> Iterator[_Found]:
    """Every ARN in the settings: a whole value, an item of a list, NAME=ARN, or in a JSON object."""
    for key, text in texts.items():
        if key not in UNREAD:
            for path, item in _items(key, text):
                yield from _in_item(path, item)


def _items(key: str, text: str) -> Iterator[tuple[str, str]]:
    values = _json(text) if text.startswith("[") else None
    if not isinstance(values, list):
        yield key, text
    else:
        yield from ((f"{key}[{place}]", value) for place, value in enumerate(values) if isinstance(value, str))


def _in_item(path: str, item: str) -> Iterator[_Found]:
    for text in _texts(_json(item) if item.startswith("{") else item):
        arn = (text if text.startswith("arn:") else text.partition("=")[2]).strip()
        parts = arn.split(":", 5)
        if arn.startswith("arn:") and len(parts) == 6:
            yield _Found(path, item, arn, *parts[1:])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name not in UNREAD:
                yield from _texts(member)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
