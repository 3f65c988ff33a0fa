"""Where the images are kept: one ECR repository."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.config.settings import RegistrySettings

UNTAGGED_DAYS: Final = 14
"""Days after which an untagged image goes. Tags are immutable, so an image that runs never loses its tag."""

PULL_ACTIONS: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """What the registry keeps, and for whom."""

    settings: RegistrySettings


class Registry(pulumi.ComponentResource):
    """A private repository with immutable tags that scans what is pushed and throws away what is old.

    pusher_policy_arn: of the policy to attach to whoever pushes; None unless asked for.
    """

    host: pulumi.Output[str]
    repository_name: pulumi.Output[str]
    url: pulumi.Output[str]
    repository_arn: pulumi.Output[str]
    pusher_policy_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:Registry", name, None, opts)
        settings = args.settings
        child = pulumi.ResourceOptions(parent=self)
        repository = aws.ecr.Repository(
            f"{name}-repository",
            name=settings.repository_name,
            force_delete=settings.force_delete,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[_encryption(settings.kms_key_arn)],
            opts=child,
        )
        if settings.pull_accounts:
            partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=self)).partition
            aws.ecr.RepositoryPolicy(
                f"{name}-pullers",
                repository=repository.name,
                policy=partition.apply(lambda partition: pull_policy(partition, settings.pull_accounts)),
                opts=child,
            )
        self.pusher_policy_arn = None
        if settings.pusher_policy:
            pusher = aws.iam.Policy(
                f"{name}-pusher",
                description=f"Push images to {settings.repository_name} and nowhere else",
                policy=repository.arn.apply(push_policy),
                opts=child,
            )
            self.pusher_policy_arn = pusher.arn
        self.host = pulumi.Output.from_input(settings.host) if settings.host else _account_host(self)
        self.repository_name = repository.name
        self.url = pulumi.Output.concat(self.host, "/", repository.name)
        self.repository_arn = repository.arn
        self.register_outputs({"host": self.host, "url": self.url, "repository_arn": self.repository_arn})


def image_retention_count(
    name: str, registry: Registry, settings: RegistrySettings, *, tag: pulumi.Input[str], running: pulumi.Input[str]
) -> None:
    """Throw away what is old, but never the image that runs.

    tag: of that image. running: known once it runs, so that a deployment that fails leaves the tag of the
        version before under protection, however many more are pushed.
    """
    aws.ecr.LifecyclePolicy(
        f"{name}-lifecycle",
        repository=registry.repository_name,
        policy=pulumi.Output.all(tag, running).apply(
            lambda known: lifecycle_policy(settings.image_retention_count, known[0])
        ),
        opts=pulumi.ResourceOptions(parent=registry),
    )


def lifecycle_policy(image_retention_count: int, tag_in_use: str) -> str:
    """ECR's lifecycle policy, as JSON: leftovers of broken pushes go after a while, tagged images by age.

    tag_in_use: is never expired, since an image that one rule selects by its tag is out of reach of those behind
        it, and a tag selects one image at most; empty: none is.
    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    ("Lifecycle policy properties in Amazon ECR")
    """
    in_use = {
        "rulePriority": 1,
        "description": "The image that runs, which no later rule can expire",
        "selection": {
            "tagStatus": "tagged",
            "tagPatternList": [tag_in_use],
            "countType": "imageCountMoreThan",
            "countNumber": 1,
        },
        "action": {"type": "expire"},
    }
    rules = [
        *([in_use] if tag_in_use else []),
        {
            "rulePriority": 2,
            "description": "Untagged images, which broken pushes leave",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": UNTAGGED_DAYS,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 3,
            "description": "All but the newest tagged images",
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["*"],
                "countType": "imageCountMoreThan",
                "countNumber": image_retention_count,
            },
            "action": {"type": "expire"},
        },
    ]
    return json.dumps({"rules": rules}, sort_keys=True)


def pull_policy(partition: str, accounts: Sequence[str]) -> str:
    """The repository policy, as JSON, that lets these accounts pull."""
    statement = {
        "Sid": "Pull",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:{partition}:iam::{account}:root" for account in accounts]},
        "Action": list(PULL_ACTIONS),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, sort_keys=True)


def push_policy(repository_arn: str) -> str:
    """What pushing to one repository takes, as JSON; the login alone has no resource that it could be scoped to.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    ("IAM permissions for pushing an image to an Amazon ECR private repository")
    """
    push = ["ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"]
    statements = [
        {"Sid": "LogIn", "Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": ["*"]},
        {"Sid": "Push", "Effect": "Allow", "Action": [*PULL_ACTIONS, *push], "Resource": [repository_arn]},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, sort_keys=True)


def _encryption(kms_key_arn: str) -> aws.ecr.RepositoryEncryptionConfigurationArgs:
    if kms_key_arn:
        return aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=kms_key_arn)
    return aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="AES256")


def _account_host(parent: pulumi.Resource) -> pulumi.Output[str]:
    options = pulumi.InvokeOutputOptions(parent=parent)
    return pulumi.Output.concat(
        aws.get_caller_identity_output(opts=options).account_id,
        ".dkr.ecr.",
        aws.get_region_output(opts=options).region,
        ".",
        aws.get_partition_output(opts=options).dns_suffix,
    )
