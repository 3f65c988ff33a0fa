"""Image builds by AWS CodeBuild, for machines without a Docker engine."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from botocore.exceptions import BotoCoreError, ClientError

from infra.args import Repository
from infra.aws_clients import provider_client
from infra.config.image import CpuArchitecture
from infra.errors import ProgramError
from infra.iam import allow, policy, push_statements, trust_policy
from infra.image_reference import parse_repository_arn
from infra.private_bucket import private_bucket

POLL_SECONDS: Final = 5
LOG_LINES: Final = 20
LOG_DAYS: Final = 30
BUILD_MINUTES: Final = 60

ENVIRONMENTS: Final[Mapping[CpuArchitecture, tuple[str, str]]] = {
    "X86_64": ("LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:5.0"),
    "ARM64": ("ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0"),
}
"""CodeBuild's environment type and image of each CPU architecture.

Source: https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
("Docker images provided by CodeBuild")
"""


@dataclass(frozen=True, kw_only=True)
class CloudBuild:
    """One build: project, source (BUCKET/KEY of the zipped context), image (HOST/NAME:TAG), arn of its repository."""

    project: str
    source: str
    image: str
    arn: str
    build_args: Mapping[str, str]


def build_in_cloud(
    name: str,
    *,
    staging: Path,
    repository: Repository,
    tag: str,
    build_args: Mapping[str, str],
    cpu_architecture: CpuArchitecture,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """The digest of the image that CodeBuild makes of the folder `staging`; what has the tag already is not built.

    In a preview the digest is known only if the registry has the tag.
    """
    child = pulumi.ResourceOptions(parent=parent)
    bucket = private_bucket(name, "builds", force_destroy=True, opts=child)
    # A new key for new content: the object is replaced, and its ARN, which the build waits for, not known in a preview.
    context = aws.s3.BucketObjectv2(
        f"{name}-build-context",
        bucket=bucket.id,
        key=f"{tag}.zip",
        source=pulumi.FileArchive(staging.as_posix()),
        opts=child,
    )
    project = _project(name, bucket, repository, cpu_architecture, parent)
    return pulumi.Output.all(project=project, source=context.arn, url=repository.url, arn=repository.arn).apply(
        lambda known: _digest(
            CloudBuild(
                project=known["project"],
                source=known["source"].rpartition(":::")[2],
                image=f"{known['url']}:{tag}",
                arn=known["arn"],
                build_args=build_args,
            ),
            parent,
        )
    )


def _project(
    name: str,
    bucket: aws.s3.Bucket,
    repository: Repository,
    cpu_architecture: CpuArchitecture,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """The name of the CodeBuild project; its role may read contexts, push to one repository, and log."""
    child = pulumi.ResourceOptions(parent=parent)
    account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=parent)).account_id
    log_group = aws.cloudwatch.LogGroup(f"{name}-build-logs", retention_in_days=LOG_DAYS, opts=child)
    role = aws.iam.Role(
        f"{name}-build",
        assume_role_policy=account.apply(
            lambda account: trust_policy("codebuild.amazonaws.com", {"StringEquals": {"aws:SourceAccount": account}})
        ),
        opts=child,
    )
    rights = aws.iam.RolePolicy(
        f"{name}-build-rights",
        role=role.id,
        policy=pulumi.Output.all(bucket.arn, repository.arn, log_group.arn).apply(lambda arns: build_policy(*arns)),
        opts=child,
    )
    kind, image = ENVIRONMENTS[cpu_architecture]
    project = aws.codebuild.Project(
        f"{name}-build",
        service_role=role.arn,
        build_timeout=BUILD_MINUTES,
        source=aws.codebuild.ProjectSourceArgs(type="NO_SOURCE", buildspec=json.dumps(_buildspec([]))),
        artifacts=aws.codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS"),
        environment=aws.codebuild.ProjectEnvironmentArgs(
            type=kind, image=image, compute_type="BUILD_GENERAL1_SMALL", privileged_mode=True
        ),
        logs_config=aws.codebuild.ProjectLogsConfigArgs(
            cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(group_name=log_group.name)
        ),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[rights]),
    )
    return project.name


def build_policy(bucket_arn: str, repository_arn: str, log_group_arn: str) -> str:
    """The build role's policy, as JSON.

    Source: https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
    ("Allow CodeBuild to interact with other AWS services")
    """
    return policy(
        [
            allow("ReadContext", ["s3:GetObject", "s3:GetObjectVersion"], [f"{bucket_arn}/*"]),
            *push_statements(repository_arn),
            allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn.removesuffix(':*')}:*"]),
        ]
    )


def build_commands(build: CloudBuild) -> list[str]:
    """Log in, build with BuildKit, push."""
    arguments = [f"--build-arg={key}={value}" for key, value in sorted(build.build_args.items())]
    host = build.image.partition("/")[0]
    return [
        f"aws ecr get-login-password | docker login --username AWS --password-stdin {shlex.quote(host)}",
        shlex.join(["docker", "build", *arguments, f"--tag={build.image}", "."]),
        shlex.join(["docker", "push", build.image]),
    ]


def _buildspec(commands: list[str]) -> Mapping[str, Any]:
    variables = {"DOCKER_BUILDKIT": "1"}
    return {"version": 0.2, "env": {"variables": variables}, "phases": {"build": {"commands": commands or ["true"]}}}


def _digest(build: CloudBuild, resource: pulumi.Resource | None) -> pulumi.Input[str]:
    if not pulumi.runtime.is_dry_run():
        return run_build(build, provider_client, lambda line: pulumi.log.info(line, resource))
    try:
        return pushed_digest(build, provider_client("ecr")) or _unknown()
    except (BotoCoreError, ClientError) as error:
        raise ProgramError(f"Cannot look {build.image} up: {error}") from None


def _unknown() -> pulumi.Output[str]:
    """A value that a preview does not know."""
    value, known = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
    value.set_result("")
    known.set_result(False)
    return pulumi.Output(set(), value, known)


async def run_build(
    build: CloudBuild, client: Callable[[str], Any], log: Callable[[str], None], poll_seconds: float = POLL_SECONDS
) -> str:
    """The digest of the image, built unless the registry has its tag; raises `ProgramError` with the end of the log.

    client: a boto3 client of a service. log: takes a line for each phase. Between polls other resources are deployed.
    """
    try:
        ecr, codebuild = client("ecr"), client("codebuild")
        if digest := pushed_digest(build, ecr):
            return digest
        started = codebuild.start_build(
            projectName=build.project,
            sourceTypeOverride="S3",
            sourceLocationOverride=build.source,
            buildspecOverride=json.dumps(_buildspec(build_commands(build))),
        )["build"]
        phase = ""
        while started["buildStatus"] == "IN_PROGRESS":
            if (current := started.get("currentPhase", "")) != phase:
                phase = current
                log(f"CodeBuild: {phase}")
            await asyncio.sleep(poll_seconds)
            started = codebuild.batch_get_builds(ids=[started["id"]])["builds"][0]
        # Another deployment may have pushed the tag in the meantime, which is then refused here.
        if digest := pushed_digest(build, ecr):
            return digest
        log_end = "\n".join(_log_end(started.get("logs", {}), client("logs")))
    except (BotoCoreError, ClientError) as error:
        raise ProgramError(f"CodeBuild did not build {build.image}: {error}") from None
    causes = "; ".join(_causes(started)) or "no image was pushed"
    raise ProgramError(
        f"CodeBuild did not build {build.image}: {started['id']} {started['buildStatus']}: {causes}\n{log_end}"
    )


def pushed_digest(build: CloudBuild, ecr: Any) -> str | None:
    """The digest of the build's image in its repository, or None."""
    repository = parse_repository_arn(build.arn)
    try:
        found = ecr.describe_images(
            registryId=repository.account,
            repositoryName=repository.name,
            imageIds=[{"imageTag": build.image.rpartition(":")[2]}],
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ImageNotFoundException", "RepositoryNotFoundException"):
            return None
        raise
    return next((str(image["imageDigest"]) for image in found["imageDetails"]), None)


def _causes(build: Mapping[str, Any]) -> Iterator[str]:
    for phase in build.get("phases", []):
        if phase.get("phaseStatus") not in (None, "SUCCEEDED"):
            messages = " ".join(context.get("message", "") for context in phase.get("contexts", []))
            yield f"{phase['phaseType']} {phase['phaseStatus']} {messages}".strip()


def _log_end(place: Mapping[str, str], logs: Any) -> list[str]:
    """The last lines of the log, or why there are none."""
    if not place.get("groupName") or not place.get("streamName"):
        return ["  (no log)"]
    try:
        events = logs.get_log_events(
            logGroupName=place["groupName"], logStreamName=place["streamName"], limit=LOG_LINES, startFromHead=False
        )["events"]
    except (BotoCoreError, ClientError) as error:
        return [f"  (no log: {error})"]
    return [f"  {event['message'].rstrip()}" for event in events]
