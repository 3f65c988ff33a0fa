"""The container registry: one private ECR repository."""

import json
from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input, Repository
from infra.config.registry import RegistrySettings
from infra.iam import ECR_PULL_ACTIONS, allow, policy

UNTAGGED_DAYS: Final = 14
"""Days after which an untagged image expires. Tags are immutable: an image that runs never loses its tag."""


class RegistryArgs(RegistrySettings):
    """Arguments of `Registry`, beside its settings.

    repository_name: physical name, fixed so that the URL and the image's tag are known in preview; empty: the
        component's name in lower case. force_delete: delete the repository even if it holds images.
    """

    repository_name: str = ""
    force_delete: bool = False


class Registry(pulumi.ComponentResource):
    """A private repository with immutable tags and a vulnerability scan on push.

    push_policy_arn: IAM policy for pushing to this repository; None unless `create_push_policy`.
    """

    repository: Repository
    url: pulumi.Output[str]
    push_policy_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:Registry", name, None, opts)
        self._name, self._args = name, args
        child = pulumi.ResourceOptions(parent=self)
        repository_name = args.repository_name or name.lower()
        repository = aws.ecr.Repository(
            f"{name}-repository",
            name=repository_name,
            force_delete=args.force_delete,
            image_tag_mutability="IMMUTABLE",
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
        self.push_policy_arn = None
        if args.create_push_policy:
            pusher = aws.iam.Policy(
                f"{name}-pusher",
                description=f"Push images to {repository_name} and nowhere else",
                policy=repository.arn.apply(push_policy),
                opts=child,
            )
            self.push_policy_arn = pusher.arn
        host = pulumi.Output.from_input(args.host) if args.host else _account_host(self)
        self._repository_name = repository.name
        self.url = pulumi.Output.concat(host, "/", repository.name)
        self.repository = Repository(url=self.url, host=host, arn=repository.arn)
        self.register_outputs({"host": host, "url": self.url, "repository_arn": repository.arn})

    def expire_images(self, *, tag: Input[str], after: Input[str]) -> None:
        """Expire all but the newest images, and never the one with `tag`, which runs.

        after: known once that image runs, such as the ARN of its task definition: a failed deployment leaves the
            previous image protected, however many more are pushed.
        """
        aws.ecr.LifecyclePolicy(
            f"{self._name}-lifecycle",
            repository=self._repository_name,
            policy=pulumi.Output.all(tag, after).apply(
                lambda known: lifecycle_policy(self._args.image_retention_count, known[0])
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def lifecycle_policy(image_retention_count: int, tag_in_use: str) -> str:
    """The ECR lifecycle policy, as JSON: untagged images expire by age, tagged ones by number.

    tag_in_use: never expires: rules with a lower priority do not apply to an image that a rule has selected, and a tag
        selects at most one image; empty: no such rule.
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
    """The repository policy, as JSON, that lets `accounts` pull."""
    statement = {
        "Sid": "Pull",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:{partition}:iam::{account}:root" for account in accounts]},
        "Action": list(ECR_PULL_ACTIONS),
    }
    return policy([statement])


def push_policy(repository_arn: str) -> str:
    """The IAM policy, as JSON, for pushing to one repository; the login action has no resource to be scoped to.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    ("IAM permissions for pushing an image to an Amazon ECR private repository")
    """
    push = ["ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"]
    login = allow("LogIn", ["ecr:GetAuthorizationToken"], ["*"])
    return policy([login, allow("Push", [*ECR_PULL_ACTIONS, *push], [repository_arn])])


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
