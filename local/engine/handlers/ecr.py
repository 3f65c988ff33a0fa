"""ECR: repository and its policies."""

import contextlib
from typing import ClassVar

from local.engine.aws import Aws, exists, ignore_not_found, tag_list
from local.engine.handlers.base import Handler, Inputs, Outputs, handles


@handles("aws:ecr/repository:Repository")
class Repository(Handler):
    """`aws:ecr/repository:Repository`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "encryptionConfigurations"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        ecr = aws.client("ecr")
        name = inputs.get("name") or name
        with contextlib.suppress(ecr.exceptions.RepositoryAlreadyExistsException):
            ecr.create_repository(
                repositoryName=name,
                imageTagMutability=inputs.get("imageTagMutability", "MUTABLE"),
                imageScanningConfiguration={"scanOnPush": _scan_on_push(inputs)},
                tags=tag_list(inputs.get("tags")),
            )
        return name, self._outputs(aws, name, inputs)

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        ecr = aws.client("ecr")
        ecr.put_image_tag_mutability(repositoryName=id_, imageTagMutability=new.get("imageTagMutability", "MUTABLE"))
        ecr.put_image_scanning_configuration(
            repositoryName=id_, imageScanningConfiguration={"scanOnPush": _scan_on_push(new)}
        )
        return self._outputs(aws, id_, new)

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("ecr").describe_repositories(repositoryNames=[id_])["repositories"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        force = bool(outputs.get("forceDelete"))
        ignore_not_found(aws.client("ecr").delete_repository, repositoryName=id_, force=force)

    @staticmethod
    def _outputs(aws: Aws, name: str, inputs: Inputs) -> Outputs:
        found = aws.client("ecr").describe_repositories(repositoryNames=[name])["repositories"][0]
        return {
            **inputs,
            "name": name,
            "arn": found["repositoryArn"],
            "repositoryUrl": found["repositoryUri"],
            "registryId": found["registryId"],
        }


def _scan_on_push(inputs: Inputs) -> bool:
    return bool((inputs.get("imageScanningConfiguration") or {}).get("scanOnPush"))


@handles("aws:ecr/lifecyclePolicy:LifecyclePolicy")
class LifecyclePolicy(Handler):
    """`aws:ecr/lifecyclePolicy:LifecyclePolicy`; a repository has one at a time."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"repository", "policy"})
    delete_before_replace: ClassVar[bool] = True

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        aws.client("ecr").put_lifecycle_policy(
            repositoryName=inputs["repository"], lifecyclePolicyText=inputs["policy"]
        )
        return inputs["repository"], inputs

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("ecr").get_lifecycle_policy(repositoryName=id_))

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("ecr").delete_lifecycle_policy, repositoryName=id_)


@handles("aws:ecr/repositoryPolicy:RepositoryPolicy")
class RepositoryPolicy(Handler):
    """`aws:ecr/repositoryPolicy:RepositoryPolicy`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"repository"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        aws.client("ecr").set_repository_policy(repositoryName=inputs["repository"], policyText=inputs["policy"])
        return inputs["repository"], inputs

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("ecr").get_repository_policy(repositoryName=id_))

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("ecr").delete_repository_policy, repositoryName=id_)
