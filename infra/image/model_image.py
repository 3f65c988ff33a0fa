"""The container image that the tasks run, always by digest: built here, or existing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker
import pulumi_docker_build as docker_build

from infra.args import Input, Repository
from infra.config.image import CpuArchitecture, ImageSettings
from infra.image.build_context import BuildContext
from infra.image.cloud_build import build_in_cloud
from infra.image.tag_conflict import tag_conflict_hook
from infra.image_reference import ImageReference, image_tag, parse_image_uri

BUILD_SECRETS: Final = ("ca-bundle", "pip-conf")
"""Secrets that the Dockerfile may mount during the build; never in the image, nor a reason to rebuild."""

PLATFORMS: Final[Mapping[CpuArchitecture, docker_build.Platform]] = {
    "X86_64": docker_build.Platform.LINUX_AMD64,
    "ARM64": docker_build.Platform.LINUX_ARM64,
}
"""Docker's platform of each of ECS's CPU architectures."""


class ModelImageArgs(ImageSettings):
    """Arguments of `ModelImage`, beside its settings; with `uri` nothing is built.

    context: folder with the Dockerfile. repository: to push to.
    model_version: first part of the tag; empty: the tag is the content hash alone. base_image becomes the build
    argument PYTHON_IMAGE. staging: folder for a copy of the context; None: below `.build`.
    """

    context: Path
    repository: Repository
    build_args: Mapping[str, str] = {}
    staging: Path | None = None


class ModelImage(pulumi.ComponentResource):
    """An image by digest.

    tag: empty for an existing image given by digest alone. model_version: "unknown" when there is none.
    repository_arns: the ECR repositories that a task pulls from; none for another registry.
    """

    uri: pulumi.Output[str]
    digest: pulumi.Output[str]
    tag: pulumi.Output[str]
    model_version: pulumi.Output[str]
    repository_arns: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, args: ModelImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:ModelImage", name, None, opts)
        self.model_version = pulumi.Output.from_input(args.model_version or "unknown")
        if args.uri:
            self._resolve(name, parse_image_uri(args.uri))
        else:
            self._build(name, args)
        self.register_outputs(
            {"uri": self.uri, "digest": self.digest, "tag": self.tag, "model_version": self.model_version}
        )

    def _build(self, name: str, args: ModelImageArgs) -> None:
        build_args = {**args.build_args, **({"PYTHON_IMAGE": args.base_image} if args.base_image else {})}
        context = BuildContext(
            folder=args.context,
            platform=PLATFORMS[args.cpu_architecture].value,
            build_args=build_args,
            registry_cache=args.repository.build_cache is not None,
        )
        staging = args.staging or Path(".build", pulumi.get_stack(), name)
        context.stage(staging)
        tag = image_tag(args.model_version, context.content_hash())
        if args.builder == "codebuild":
            self.digest = build_in_cloud(
                name,
                staging=staging,
                repository=args.repository,
                tag=tag,
                build_args=build_args,
                cpu_architecture=args.cpu_architecture,
                parent=self,
            )
        else:
            self.digest = self._build_with_docker(name, args, context, staging, tag)
        self.uri = pulumi.Output.concat(args.repository.url, "@", self.digest)
        self.tag = pulumi.Output.from_input(tag)
        self.repository_arns = [pulumi.Output.from_input(args.repository.arn)]

    def _build_with_docker(
        self, name: str, args: ModelImageArgs, context: BuildContext, staging: Path, tag: str
    ) -> pulumi.Output[str]:
        """The digest of the image that this machine's Docker engine builds and pushes."""
        cache = args.repository.build_cache
        token = aws.ecr.get_authorization_token_output(opts=pulumi.InvokeOutputOptions(parent=self))
        image = docker_build.Image(
            f"{name}-image",
            context=docker_build.BuildContextArgs(location=staging.as_posix()),
            dockerfile=docker_build.DockerfileArgs(location=(staging / context.dockerfile).as_posix()),
            builder=docker_build.BuilderConfigArgs(name=args.docker_builder) if args.docker_builder else None,
            build_args=context.build_args,
            platforms=[PLATFORMS[args.cpu_architecture]],
            tags=[pulumi.Output.concat(args.repository.url, ":", tag)],
            push=True,
            cache_from=[docker_build.CacheFromArgs(registry=docker_build.CacheFromRegistryArgs(ref=cache))]
            if cache is not None
            else None,
            cache_to=[_cache_to(cache)] if cache is not None else None,
            build_on_preview=_build_now(args.build_on_preview),
            registries=[
                docker_build.RegistryArgs(
                    address=args.repository.host,
                    username=token.user_name,
                    password=pulumi.Output.secret(token.password),
                )
            ],
            secrets=_build_secrets(args),
            ignore_secrets_in_diff_calculation=list(BUILD_SECRETS),
            # Deletion would need a valid password and must not remove an image that a rollback needs: images expire
            # by the registry's lifecycle policy, the last ones are deleted with the repository.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True, hooks=tag_conflict_hook(name)),
        )
        return image.digest

    def _resolve(self, name: str, reference: ImageReference) -> None:
        if reference.digest:
            self.digest = pulumi.Output.from_input(reference.digest)
        else:
            self.digest = _digest_in_registry(self, name, reference)
        self.uri = pulumi.Output.concat(reference.name, "@", self.digest)
        self.tag = pulumi.Output.from_input(reference.tag)
        self.repository_arns = _ecr_arns(self, reference)


def _build_now(build_on_preview: bool) -> bool:
    """Always False in `pulumi up`: docker-build treats a changed flag as a changed image, rebuilds it, and fails to
    push over the immutable tag."""
    return build_on_preview and pulumi.runtime.is_dry_run()


def _cache_to(reference: Input[str]) -> docker_build.CacheToArgs:
    """All layers, as one OCI image manifest, which ECR requires; a cache that cannot be written fails no build.

    Source: https://docs.docker.com/build/cache/backends/ ("OCI media types")
    """
    return docker_build.CacheToArgs(
        registry=docker_build.CacheToRegistryArgs(
            ref=reference,
            mode=docker_build.CacheMode.MAX,
            image_manifest=True,
            oci_media_types=True,
            ignore_error=True,
        )
    )


def _build_secrets(args: ModelImageArgs) -> Mapping[str, pulumi.Input[str]] | None:
    files = zip(BUILD_SECRETS, (args.ca_bundle, args.pip_conf), strict=True)
    texts = {name: Path(path).read_text(encoding="utf-8") for name, path in files if path}
    return {name: pulumi.Output.secret(text) for name, text in texts.items()} or None


def _digest_in_registry(parent: pulumi.ComponentResource, name: str, reference: ImageReference) -> pulumi.Output[str]:
    """The digest of a tag; from ECR by the AWS credentials, so that no password enters the state, else by HTTP."""
    if reference.ecr:
        ecr_image = aws.ecr.get_image_output(
            registry_id=reference.ecr.account,
            region=reference.ecr.region,
            repository_name=reference.ecr.name,
            image_tag=reference.tag,
            opts=pulumi.InvokeOutputOptions(parent=parent),
        )
        return ecr_image.image_digest
    provider = docker.Provider(
        f"{name}-registries",
        disable_docker_daemon_check=True,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    image = docker.get_registry_image_output(
        name=f"{reference.name}:{reference.tag}",
        opts=pulumi.InvokeOutputOptions(parent=parent, provider=provider),
    )
    return image.sha256_digest


def _ecr_arns(parent: pulumi.Resource, reference: ImageReference) -> Sequence[pulumi.Output[str]]:
    repository = reference.ecr
    if repository is None:
        return []
    partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=parent)).partition
    path = f"ecr:{repository.region}:{repository.account}:repository/{repository.name}"
    return [pulumi.Output.concat("arn:", partition, ":", path)]
