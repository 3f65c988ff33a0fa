"""Claims about images that CodeBuild builds."""

import asyncio
import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pulumi
import pytest
from botocore.stub import ANY, Stubber

from infra.errors import ConfigError, ProgramError
from infra.image import cloud_build
from infra.image.cloud_build import CloudBuild, build_commands, build_policy, run_build
from tests.infra.answers import ACCOUNT, DIGEST
from tests.infra.config.test_load import settings_of
from tests.infra.conftest import write_artifact
from tests.infra.recorder import Recording, run, run_main

REPOSITORY = f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/films"
HOST = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"
BUILD = CloudBuild(
    project="films-build",
    source="films-builds/a-b.zip",
    image=f"{HOST}/films:a-b",
    arn=REPOSITORY,
    build_args={"MODEL_VERSION": "0123456789ab", "EXTRAS": "approximate batch"},
)
ASKED = {"registryId": ACCOUNT, "repositoryName": "films", "imageIds": [{"imageTag": "a-b"}]}
THERE = {"imageDetails": [{"imageDigest": DIGEST}]}
ID = "films-build:1a2b"


class Services:
    """Stand-ins for AWS services, which answer what a test says, in that order, and nothing else."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}
        self.clients: dict[str, Any] = {name: boto3.client(name, **keys) for name in ("ecr", "codebuild", "logs")}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}

    def image(self, *, there: bool) -> None:
        if there:
            self.stubs["ecr"].add_response("describe_images", THERE, ASKED)
        else:
            self.stubs["ecr"].add_client_error("describe_images", "ImageNotFoundException", expected_params=ASKED)

    def build(self, *states: Mapping[str, Any]) -> None:
        first, *later = [{"id": ID, **state} for state in states]
        wanted = {
            "projectName": "films-build",
            "sourceTypeOverride": "S3",
            "sourceLocationOverride": "films-builds/a-b.zip",
            "buildspecOverride": ANY,
        }
        self.stubs["codebuild"].add_response("start_build", {"build": first}, wanted)
        for state in later:
            self.stubs["codebuild"].add_response("batch_get_builds", {"builds": [state]}, {"ids": [ID]})

    def run(self) -> tuple[str, list[str]]:
        lines: list[str] = []
        digest = asyncio.run(run_build(BUILD, self.clients.__getitem__, lines.append, poll_seconds=0))
        return digest, lines


@pytest.fixture
def services() -> Iterator[Services]:
    services = Services()
    with ExitStack() as active:
        for stub in services.stubs.values():
            active.enter_context(stub)
        yield services
        for stub in services.stubs.values():
            stub.assert_no_pending_responses()


def test_an_image_that_the_registry_has_is_not_built(services: Services) -> None:
    services.image(there=True)
    assert services.run() == (DIGEST, [])


def test_a_build_is_waited_for_and_its_phases_are_told(services: Services) -> None:
    services.image(there=False)
    going = {"buildStatus": "IN_PROGRESS"}
    services.build(
        {**going, "currentPhase": "QUEUED"},
        {**going, "currentPhase": "BUILD"},
        {**going, "currentPhase": "BUILD"},
        {"buildStatus": "SUCCEEDED", "currentPhase": "COMPLETED"},
    )
    services.image(there=True)
    assert services.run() == (DIGEST, ["CodeBuild: QUEUED", "CodeBuild: BUILD"])


def test_a_failed_build_is_told_with_its_cause_and_the_end_of_its_log(services: Services) -> None:
    services.image(there=False)
    failed = {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "exit status 1"}]}
    services.build(
        {
            "buildStatus": "FAILED",
            "phases": [{"phaseType": "QUEUED", "phaseStatus": "SUCCEEDED"}, failed, {"phaseType": "COMPLETED"}],
            "logs": {"groupName": "films-build-logs", "streamName": "1a2b"},
        }
    )
    services.image(there=False)
    services.stubs["logs"].add_response(
        "get_log_events",
        {"events": [{"message": "toomanyrequests\n"}]},
        {"logGroupName": "films-build-logs", "logStreamName": "1a2b", "limit": ANY, "startFromHead": False},
    )
    with pytest.raises(ProgramError) as failure:
        services.run()
    assert str(failure.value) == (
        f"CodeBuild did not build {HOST}/films:a-b: {ID} FAILED: BUILD FAILED exit status 1\n  toomanyrequests"
    )


def test_a_log_that_cannot_be_read_hides_no_cause(services: Services) -> None:
    services.image(there=False)
    place = {"groupName": "films-build-logs", "streamName": "1a2b"}
    services.build({"buildStatus": "TIMED_OUT", "logs": place})
    services.image(there=False)
    services.stubs["logs"].add_client_error("get_log_events", "ResourceNotFoundException")
    with pytest.raises(ProgramError, match=rf"{ID} TIMED_OUT: no image was pushed\n  \(no log: .*ResourceNotFound"):
        services.run()


def test_a_push_that_another_deployment_has_overtaken_is_no_failure(services: Services) -> None:
    services.image(there=False)
    services.build({"buildStatus": "FAILED"})
    services.image(there=True)
    assert services.run() == (DIGEST, [])


def test_a_missing_right_is_told_and_not_taken_for_a_missing_image(services: Services) -> None:
    services.stubs["ecr"].add_client_error("describe_images", "AccessDeniedException", "not authorized")
    with pytest.raises(ProgramError, match=r"CodeBuild did not build .*not authorized"):
        services.run()


def test_the_build_logs_in_builds_and_pushes_and_quotes_what_it_is_given() -> None:
    login, build, push = build_commands(BUILD)
    assert login.endswith(f"docker login --username AWS --password-stdin {HOST}")
    assert shlex.split(build) == [
        "docker",
        "build",
        "--build-arg=EXTRAS=approximate batch",
        "--build-arg=MODEL_VERSION=0123456789ab",
        f"--tag={HOST}/films:a-b",
        ".",
    ]
    assert push == f"docker push {HOST}/films:a-b"


def test_the_builds_role_reads_contexts_and_pushes_to_one_repository_and_no_more() -> None:
    statements = json.loads(build_policy("arn:aws:s3:::films-builds", REPOSITORY, "arn:logs:*"))["Statement"]
    reach = {action: statement["Resource"] for statement in statements for action in statement["Action"]}
    assert reach.pop("ecr:GetAuthorizationToken") == ["*"]
    assert {action for action in reach if action.startswith("ecr:")} >= {"ecr:PutImage", "ecr:BatchGetImage"}
    for action, resources in reach.items():
        wanted = {"s3": "arn:aws:s3:::films-builds/*", "ecr": REPOSITORY, "logs": "arn:logs:*"}
        assert resources == [wanted[action.partition(":")[0]]], action
        assert "*" not in action
        assert "Delete" not in action


@pytest.mark.parametrize(("there", "known"), [(True, f"films@{DIGEST}"), (False, None)])
def test_a_preview_builds_nothing_and_knows_the_digest_of_what_is_built(
    there: bool, known: str | None, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.image(there=there)
    monkeypatch.setattr(cloud_build, "provider_client", services.clients.__getitem__)

    def program() -> None:
        digest = pulumi.Output.from_input(BUILD).apply(lambda build: cloud_build._digest(build, None))
        pulumi.export("uri", pulumi.Output.concat("films@", digest))

    assert run(program, preview=True).exports.get("uri") == known


def codebuild(
    monkeypatch: pytest.MonkeyPatch, *, there: bool = True, preview: bool = False, **config: Any
) -> Recording:
    """The program with CodeBuild and a repository that exists, whose ARN is known."""
    services = Services()
    services.stubs["ecr"].activate()
    if there:
        services.stubs["ecr"].add_response("describe_images", THERE)
    else:
        services.stubs["ecr"].add_client_error("describe_images", "ImageNotFoundException")
    monkeypatch.setattr(cloud_build, "provider_client", services.clients.__getitem__)
    return run_main("dev", config={"builder": "codebuild", "repositoryArn": REPOSITORY, **config}, preview=preview)


@pytest.mark.usefixtures("project")
def test_without_an_engine_here_the_same_image_comes_from_codebuild(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = run_main("dev", config={"repositoryArn": REPOSITORY})
    recorded = codebuild(monkeypatch)
    assert recorded.all("docker-build:index:Image") == []
    assert recorded.exports["imageTag"] == docker.exports["imageTag"]
    assert recorded.exports["imageUri"] == f"{HOST}/films@{DIGEST}"
    context = recorded.one("aws:s3/bucketObjectv2:BucketObjectv2").inputs
    assert context["key"] == f"{recorded.exports['imageTag']}.zip"
    assert "tags" not in context, "an S3 object takes ten tags, a stack may have more"
    assert recorded.one("aws:cloudwatch/logGroup:LogGroup", "build-logs").inputs["retentionInDays"]
    private = recorded.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert all(value is True for key, value in private.items() if key != "bucket")


@pytest.mark.parametrize(("architecture", "kind"), [("X86_64", "LINUX_CONTAINER"), ("ARM64", "ARM_CONTAINER")])
@pytest.mark.usefixtures("project")
def test_codebuild_runs_on_the_images_architecture_and_may_run_docker(
    architecture: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = codebuild(monkeypatch, cpuArchitecture=architecture).one("aws:codebuild/project:Project")
    environment = project.inputs["environment"]
    assert (environment["type"], environment["privilegedMode"]) == (kind, True)
    assert ("aarch64" in environment["image"]) is (architecture == "ARM64")
    assert any("build-rights" in urn for urn in project.depends_on)


def test_a_new_image_is_another_object_so_that_a_preview_knows_no_digest(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = codebuild(monkeypatch).one("aws:s3/bucketObjectv2:BucketObjectv2").inputs["key"]
    write_artifact(project / "model_service" / "artifact", b"other weights")
    assert codebuild(monkeypatch).one("aws:s3/bucketObjectv2:BucketObjectv2").inputs["key"] != before
    assert "imageDigest" not in codebuild(monkeypatch, preview=True).exports


REFUSED: Mapping[str, tuple[str, Mapping[str, object], str]] = {
    "file of this machine": ("dev", {"pipConf": __file__}, "pipConf"),
    "build in a preview": ("dev", {"buildOnPreview": True}, "buildOnPreview"),
    "Docker's cache": ("dev", {"imageCache": True}, "imageCache"),
    "emulated AWS": ("local", {}, "builder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_codebuild_cannot_do_is_refused(case: str) -> None:
    stack, config, key = REFUSED[case]
    with pytest.raises(ConfigError) as refusal:
        settings_of({"builder": "codebuild", **config}, stack)
    assert refusal.value.key == key
    assert "allowed" in str(refusal.value)
