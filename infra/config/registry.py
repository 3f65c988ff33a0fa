"""Settings of the container registry."""

from typing import Annotated, Final

from pydantic import Field

from infra.config.base import SettingError, Settings, each, matches
from infra.errors import Set

_KMS_KEY_EXAMPLE: Final = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _check_account(value: str) -> None:
    if not (len(value) == 12 and value.isascii() and value.isdigit()):
        raise SettingError(f'has "{value}"; allowed: an account\'s id, 12 digits', Set("", "111122223333"))


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
        each(_check_account),
        Field(alias="registryPullAccounts", description="Ids of other AWS accounts that may pull from the registry"),
    ] = ()
    create_push_policy: Annotated[
        bool,
        Field(description="Create an IAM policy that lets a CI role push to this registry only"),
    ] = False
