"""Settings of the container registry."""

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from infra.config.base import KMS_KEY, KMS_KEY_EXAMPLE, SettingError, Settings, each, matches, reject_unused
from infra.errors import Remove, Set
from infra.image_reference import parse_repository_arn

_REPOSITORY_EXAMPLE: Final = "arn:aws:ecr:eu-central-1:111122223333:repository/films"


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


def _check_repository(value: str) -> str:
    try:
        if value:
            parse_repository_arn(value)
    except ValueError as error:
        raise SettingError(f'is "{value}"; {error}', Set("", _REPOSITORY_EXAMPLE)) from None
    return value


class RegistrySettings(Settings):
    """Registry: the ECR repository."""

    repository_arn: Annotated[
        str,
        AfterValidator(_check_repository),
        Field(description="Existing ECR repository for the image, kept as it is; empty: one is created here"),
    ] = ""
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
        matches(KMS_KEY, "the ARN of a KMS key", KMS_KEY_EXAMPLE),
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
    image_cache: Annotated[
        bool,
        Field(description="Keep the cache of image builds in the registry, for builds on a fresh machine, as in CI"),
    ] = False

    @model_validator(mode="after")
    def _check_existing(self) -> Self:
        reject_unused(
            self,
            ["image_retention_count", "kms_key_arn", "pull_accounts", "image_cache"],
            used=not self.repository_arn,
            problem="but repositoryArn names a repository, which is kept as it is; allowed without repositoryArn",
            fix=Remove("repositoryArn"),
        )
        return self
