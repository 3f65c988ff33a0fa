"""Settings of the container registry."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from infra.config.base import SettingError, Settings, each, matches
from infra.errors import Set

_KMS_KEY_EXAMPLE: Final = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _restore_zero(values: Any) -> Any:
    """Ids that YAML without quotes made numbers, with the zero that 11 digits lack."""
    return tuple(map(_account_text, values)) if isinstance(values, tuple) else values


def _account_text(value: Any) -> Any:
    if not isinstance(value, int):
        return value
    text = str(value)
    return text.zfill(12) if len(text) == 11 else text


def _check_account(value: str) -> None:
    if not (len(value) == 12 and value.isascii() and value.isdigit()):
        raise SettingError(
            f'has "{value}"; allowed: an account\'s id, 12 digits, in a file in quotes, since YAML takes some numbers '
            "that begin with 0 for octal ones",
            Set("", "111122223333"),
        )


class RegistrySettings(Settings):
    """Registry: the ECR repository."""

    host: Annotated[
        str,
        matches(r"[A-Za-z0-9.-]+(:\d{1,5})?", "host or host:port", "localhost:4566"),
        Field(
            alias="registryHost",
            description="host[:port] at which Docker reaches the registry; empty: the account's own ECR host",
        ),
    ] = ""
    image_retention_count: Annotated[
        int,
        Field(
            ge=3,
            le=1000,
            description="Number of newest images to retain in the registry: the depth of a rollback",
        ),
    ] = 20
    kms_key_arn: Annotated[
        str,
        matches(r"arn:[a-z-]+:kms:[^:]+:\d{12}:key/\S+", "the ARN of a KMS key", _KMS_KEY_EXAMPLE),
        Field(
            alias="registryKmsKeyArn",
            description="KMS key that encrypts the registry; empty: AES-256 with ECR's own key",
        ),
    ] = ""
    pull_accounts: Annotated[
        tuple[str, ...],
        BeforeValidator(_restore_zero),
        each(_check_account),
        Field(alias="registryPullAccounts", description="Ids of other AWS accounts that may pull from the registry"),
    ] = ()
    create_push_policy: Annotated[
        bool,
        Field(description="Create an IAM policy that lets a CI role push to this registry only"),
    ] = False
