"""What runs: an image built from the model service, or one that somebody else pushed. Always by digest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker
import pulumi_docker_build as docker_build

from infra.config.settings import CpuArchitecture, ImageSettings
from infra.contract import ARTIFACT_FOLDER
from infra.errors import ProgramError
from infra.image.build_context import BuildContext
from infra.image.reference import ImageReference, image_tag, parse_image_uri
from infra.image.tag_conflict import tag_conflict_hook
from model_service.ann_index import AnnIndexError, read_index_metadata
from model_service.metadata import ArtifactError, read_metadata, read_model_version

BUILD_SECRETS: Final = ("ca-bundle", "pip-conf")
"""What the Dockerfile may mount while it builds; never in the image, nor a reason to build it again."""

PLATFORMS: Final[Mapping[CpuArchitecture, docker_build.Platform]] = {
    "X86_64": docker_build.Platform.LINUX_AMD64,
    "ARM64": docker_build.Platform.LINUX_ARM64,
}
"""ECS's CPU architectures and Docker's names for them."""


@dataclass(frozen=True, kw_only=True)
class ModelImageArgs:
    """What to build or to run, and the repository to push to.

    context: folder with the Dockerfile and, in `artifact/`, the trained model.
    """

    context: Path
    repository_url: pulumi.Input[str]
    registry_host: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    settings: ImageSettings


class ModelImage(pulumi.ComponentResource):
    """The image that the tasks run.

    uri: by digest. digest: of the image. tag: empty for an image that was given by digest alone.
    model_version: 12 hex digits, or "unknown" for a foreign image.
    environment: what a task must be told about this image.
    repository_arns: the ECR repositories that a task pulls from; none for a foreign registry.
    """

    uri: pulumi.Output[str]
    digest: pulumi.Output[str]
    tag: pulumi.Output[str]
    model_version: pulumi.Output[str]
    environment: Mapping[str, str]
    repository_arns: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, args: ModelImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:ModelImage", name, None, opts)
        if args.settings.uri:
            self._resolve(name, parse_image_uri(args.settings.uri), args.settings)
        else:
            self._build(name, args)
        self.register_outputs(
            {"uri": self.uri, "digest": self.digest, "tag": self.tag, "model_version": self.model_version}
        )

    def _build(self, name: str, args: ModelImageArgs) -> None:
        settings = args.settings
        version = _model_version(args.context / ARTIFACT_FOLDER)
        approximate = _approximate_environment(settings)
        if approximate:
            _check_index(args.context / ARTIFACT_FOLDER, settings.approximate_above)
        build_args = {"MODEL_VERSION": version, **({"EXTRAS": "approximate"} if approximate else {})}
        if settings.base_image:
            build_args["PYTHON_IMAGE"] = settings.base_image
        platform = PLATFORMS[settings.cpu_architecture]
        context = BuildContext(folder=args.context, platform=platform.value, build_args=build_args)
        context.stage(settings.staging)
        tag = image_tag(version, context.content_hash())

        token = aws.ecr.get_authorization_token_output(opts=pulumi.InvokeOutputOptions(parent=self))
        image = docker_build.Image(
            f"{name}-image",
            context=docker_build.BuildContextArgs(location=settings.staging.as_posix()),
            dockerfile=docker_build.DockerfileArgs(location=(settings.staging / context.dockerfile).as_posix()),
            build_args=build_args,
            platforms=[platform],
            tags=[pulumi.Output.concat(args.repository_url, ":", tag)],
            push=True,
            build_on_preview=_build_now(settings.build_on_preview),
            registries=[
                docker_build.RegistryArgs(
                    address=args.registry_host,
                    username=token.user_name,
                    password=pulumi.Output.secret(token.password),
                )
            ],
            secrets=_build_secrets(settings),
            ignore_secrets_in_diff_calculation=list(BUILD_SECRETS),
            # Deleting would need a password that is still valid, and must never take an image that a rollback
            # needs: old images go by the registry's lifecycle policy, the last ones with the repository.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, hooks=tag_conflict_hook(name)),
        )
        self.digest = image.digest
        self.uri = pulumi.Output.concat(args.repository_url, "@", image.digest)
        self.tag = pulumi.Output.from_input(tag)
        self.model_version = pulumi.Output.from_input(version)
        self.environment = {"MODEL_VERSION": version, **approximate}
        self.repository_arns = [pulumi.Output.from_input(args.repository_arn)]

    def _resolve(self, name: str, reference: ImageReference, settings: ImageSettings) -> None:
        version = settings.model_version or reference.model_version
        if reference.digest:
            self.digest = pulumi.Output.from_input(reference.digest)
        else:
            self.digest = _digest_in_registry(self, name, reference)
        self.uri = pulumi.Output.concat(reference.name, "@", self.digest)
        self.tag = pulumi.Output.from_input(reference.tag)
        self.model_version = pulumi.Output.from_input(version or "unknown")
        self.environment = {**({"MODEL_VERSION": version} if version else {}), **_approximate_environment(settings)}
        self.repository_arns = _ecr_arns(self, reference)


def _model_version(artifact: Path) -> str:
    try:
        return read_model_version(artifact)
    except ArtifactError as error:
        raise ProgramError(
            f"There is no model to deploy in {artifact}: {error}\nTo mend it: make train "
            "(or run an image that has one: pulumi config set imageUri REGISTRY/NAME:TAG)"
        ) from None


def _approximate_environment(settings: ImageSettings) -> dict[str, str]:
    return {"APPROXIMATE_ABOVE": str(settings.approximate_above)} if settings.approximate_above else {}


def _check_index(artifact: Path, above: int) -> None:
    """Raise `ProgramError` for a model that would look for an index which the image would not have."""
    metadata = read_metadata(artifact)
    if int(metadata.data["items"]) <= above:
        return
    try:
        read_index_metadata(artifact, model_version=metadata.model_version)
    except AnnIndexError as error:
        raise ProgramError(
            f"approximateAbove is {above} and the model has {metadata.data['items']} films, but "
            f"{str(error).partition('; ')[0]}\n"
            "To mend it: .venv/bin/python -m model_service.build_index (or pulumi config rm approximateAbove)"
        ) from None


def _build_now(build_on_preview: bool) -> bool:
    """What `pulumi up` records is false either way: docker-build takes a changed switch for a changed image,
    builds again and fails to push over the immutable tag."""
    return build_on_preview and pulumi.runtime.is_dry_run()


def _build_secrets(settings: ImageSettings) -> Mapping[str, pulumi.Input[str]] | None:
    files = zip(BUILD_SECRETS, (settings.ca_bundle, settings.pip_conf), strict=True)
    texts = {name: path.read_text(encoding="utf-8") for name, path in files if path}
    return {name: pulumi.Output.secret(text) for name, text in texts.items()} or None


def _digest_in_registry(parent: pulumi.ComponentResource, name: str, reference: ImageReference) -> pulumi.Output[str]:
    """Ask ECR with the AWS credentials, so that no short-lived password gets into the state; others by HTTP."""
    if reference.ecr:
        image = aws.ecr.get_image_output(
            registry_id=reference.ecr.account,
            region=reference.ecr.region,
            repository_name=reference.ecr.name,
            image_tag=reference.tag,
            opts=pulumi.InvokeOutputOptions(parent=parent),
        )
        return image.image_digest
    provider = docker.Provider(
        f"{name}-registries",
        disable_docker_daemon_check=True,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    found = docker.get_registry_image_output(
        name=f"{reference.name}:{reference.tag}",
        opts=pulumi.InvokeOutputOptions(parent=parent, provider=provider),
    )
    return found.sha256_digest


def _ecr_arns(parent: pulumi.Resource, reference: ImageReference) -> Sequence[pulumi.Output[str]]:
    repository = reference.ecr
    if repository is None:
        return []
    partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=parent)).partition
    place = f"ecr:{repository.region}:{repository.account}:repository/{repository.name}"
    return [pulumi.Output.concat("arn:", partition, ":", place)]
