"""The container registry: one private ECR repository."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input, Repository
from infra.config.registry import RegistrySettings
from infra.iam import ECR_PULL_ACTIONS, policy, push_statements
from infra.image_reference import EcrRepository, parse_repository_arn

CACHE_TAG: Final = "build-cache"
"""The tag of the cache of image builds, the only one that may be overwritten."""

UNTAGGED_DAYS: Final = 14
"""Days after which an untagged image expires. Tags are immutable: an image that runs never loses its tag."""


class RegistryArgs(RegistrySettings):
    """Arguments of `Registry`, beside its settings.

    repository_name: physical name, fixed so that the URL and the image's tag are known in preview; empty: the
        component's name in lower case. force_delete: delete the repository even if it holds images. Both are those of a
        repository that is created here, without repository_arn.
    """

    repository_name: str = ""
    force_delete: bool = False


class Registry(pulumi.ComponentResource):
    """A private repository with immutable tags and a vulnerability scan on push; or an existing one, kept as it is.

    push_policy_arn: IAM policy for pushing to this repository; None unless `create_push_policy`.
    """

    repository: Repository
    url: pulumi.Output[str]
    push_policy_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:Registry", name, None, opts)
        self._name, self._args = name, args
        existing = parse_repository_arn(args.repository_arn) if args.repository_arn else None
        if existing:
            repository_name = pulumi.Output.from_input(existing.name)
            arn = pulumi.Output.from_input(args.repository_arn)
        else:
            repository_name, arn = self._create()
        self.push_policy_arn = None
        if args.create_push_policy:
            pusher = aws.iam.Policy(
                f"{name}-pusher",
                description=f"Push images to {existing.name if existing else self._physical_name} and nowhere else",
                policy=arn.apply(push_policy),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.push_policy_arn = pusher.arn
        host = pulumi.Output.from_input(args.host) if args.host else _ecr_host(self, existing)
        self._repository_name = repository_name
        self.url = pulumi.Output.concat(host, "/", repository_name)
        cache = pulumi.Output.concat(self.url, ":", CACHE_TAG) if args.image_cache else None
        self.repository = Repository(url=self.url, host=host, arn=arn, build_cache=cache)
        self.register_outputs({"host": host, "url": self.url, "repository_arn": arn})

    @property
    def _physical_name(self) -> str:
        return self._args.repository_name or self._name.lower()

    def _create(self) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Create the repository; its name and ARN."""
        name, args = self._name, self._args
        child = pulumi.ResourceOptions(parent=self)
        mutable = aws.ecr.RepositoryImageTagMutabilityExclusionFilterArgs(filter=CACHE_TAG, filter_type="WILDCARD")
        repository = aws.ecr.Repository(
            f"{name}-repository",
            name=self._physical_name,
            force_delete=args.force_delete,
            image_tag_mutability="IMMUTABLE_WITH_EXCLUSION" if args.image_cache else "IMMUTABLE",
            image_tag_mutability_exclusion_filters=[mutable] if args.image_cache else None,
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[_encryption(args.kms_key_arn)],
            opts=child,
        )
        if args.pull_accounts:
            partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=self)).partition
            aws.ecr.RepositoryPolicy(
                f"{name}-pullers",
                repository=repository.name,
                policy=partition.apply(lambda partition: pull_policy(partition, args.pull_accounts)),
                opts=child,
            )
        return repository.name, repository.arn

    def expire_images(self, *, tag: Input[str], after: Input[str]) -> None:
        """Expire all but the newest images, and never the one with `tag`, which runs.

        after: known once that image runs, such as the ARN of its task definition: a failed deployment leaves the
            previous image protected, however many more are pushed. The images of an existing repository are left alone.
        """
        args = self._args
        if args.repository_arn:
            return
        aws.ecr.LifecyclePolicy(
            f"{self._name}-lifecycle",
            repository=self._repository_name,
            policy=pulumi.Output.all(tag, after).apply(
                lambda known: lifecycle_policy(
                    args.image_retention_count, known[0], cache_tag=CACHE_TAG if args.image_cache else ""
                )
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def lifecycle_policy(image_retention_count: int, tag_in_use: str, *, cache_tag: str = "") -> str:
    """The ECR lifecycle policy, as JSON: untagged images expire by age, tagged ones by number.

    tag_in_use, cache_tag: never expire: rules with a lower priority do not apply to an image that a rule has selected,
        and a tag selects at most one image; empty: no such rule. The cache is no image of a rollback, but rules with a
        lower priority count it.
    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    ("Lifecycle policy properties in Amazon ECR")
    """
    kept = {
        tag_in_use: "The image that runs, which no later rule can expire",
        cache_tag: "The cache of image builds, which no later rule can expire",
    }
    rules = [
        *(_rule(what, tagStatus="tagged", tagPatternList=[tag], countNumber=1) for tag, what in kept.items() if tag),
        _rule(
            "Untagged images, which broken pushes and earlier caches leave",
            tagStatus="untagged",
            countType="sinceImagePushed",
            countUnit="days",
            countNumber=UNTAGGED_DAYS,
        ),
        _rule(
            "All but the newest tagged images",
            tagStatus="tagged",
            tagPatternList=["*"],
            countNumber=image_retention_count + bool(cache_tag),
        ),
    ]
    numbered = [{"rulePriority": priority, **rule} for priority, rule in enumerate(rules, 1)]
    return json.dumps({"rules": numbered}, sort_keys=True)


def _rule(description: str, **selection: object) -> Mapping[str, object]:
    """A rule that expires what exceeds the count of its selection."""
    return {
        "description": description,
        "selection": {"countType": "imageCountMoreThan", **selection},
        "action": {"type": "expire"},
    }


def pull_policy(partition: str, accounts: Sequence[str]) -> str:
    """The repository policy, as JSON, that lets `accounts` pull."""
    statement = {
        "Sid": "Pull",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:{partition}:iam::{account}:root" for account in accounts]},
        "Action": list(ECR_PULL_ACTIONS),
    }
    return policy([statement])


def push_policy(repository_arn: str) -> str:
    """The IAM policy, as JSON, for pushing to one repository."""
    return policy(push_statements(repository_arn))


def _encryption(kms_key_arn: str) -> aws.ecr.RepositoryEncryptionConfigurationArgs:
    if kms_key_arn:
        return aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=kms_key_arn)
    return aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="AES256")


def _ecr_host(parent: pulumi.Resource, existing: EcrRepository | None) -> pulumi.Output[str]:
    """The host of the registry of an existing repository, or of the stack's account and region."""
    options = pulumi.InvokeOutputOptions(parent=parent)
    return pulumi.Output.concat(
        existing.account if existing else aws.get_caller_identity_output(opts=options).account_id,
        ".dkr.ecr.",
        existing.region if existing else aws.get_region_output(opts=options).region,
        ".",
        aws.get_partition_output(opts=options).dns_suffix,
    )
