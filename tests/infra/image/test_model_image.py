"""Claims about the image that tasks run."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.args import Repository
from infra.config.batch import BatchJob
from infra.config.image import ImageSettings
from infra.config.model import ModelSettings
from infra.errors import ProgramError
from infra.image.artifact import read_model
from infra.image.model_image import ModelImage, ModelImageArgs
from infra.registry import CACHE_TAG
from model_service.ann_index import INDEX_FILE, INDEX_METADATA_FILE, IndexMetadata
from model_service.metadata import read_metadata
from tests.infra.answers import FOREIGN_DIGEST
from tests.infra.conftest import FILMS
from tests.infra.recorder import Recording, run, run_main

REPOSITORY = Repository(url="registry.example/films", host="registry.example", arn="arn:films")


def image_settings(project: Path, **changes: Any) -> ImageSettings:
    return ImageSettings(**changes)


def image(
    settings: ImageSettings, *, ann_min_items: int = 0, preview: bool = False, jobs: Sequence[BatchJob] = ()
) -> Recording:
    """The image as the program builds it, with what its container is given."""
    context = Path("model_service")
    model = read_model(context / "artifact", settings, ModelSettings(ann_min_items=ann_min_items), jobs)
    args = ModelImageArgs(
        **settings.args(model_version=model.version, build_args=model.build_args),
        context=context,
        repository=REPOSITORY,
        staging=Path(".build/test/context"),
    )

    def program() -> None:
        made = ModelImage("films", args)
        pulumi.export("uri", made.uri)
        pulumi.export("version", made.model_version)
        pulumi.export("environment", dict(model.environment))
        pulumi.export("arns", list(made.repository_arns))

    return run(program, preview=preview)


def test_the_image_is_pushed_after_the_repository_is_made(project: Path) -> None:
    recorded = run_main("dev")
    repository = recorded.one("aws:ecr/repository:Repository")
    assert repository.urn in recorded.one("docker-build:index:Image").depends_on


def test_an_image_in_use_is_never_deleted_with_its_resource(project: Path) -> None:
    assert image(image_settings(project)).one("docker-build:index:Image").retain_on_delete


def test_the_ca_bundle_and_pips_configuration_reach_the_build_as_secrets_alone(project: Path) -> None:
    bundle, conf = project / "ca.pem", project / "pip.conf"
    bundle.write_text("CERTIFICATES")
    conf.write_text("PASSWORD")
    plain = image(image_settings(project)).one("docker-build:index:Image")
    built = image(image_settings(project, ca_bundle=str(bundle), pip_conf=str(conf))).one("docker-build:index:Image")
    assert built.inputs["secrets"] == {"ca-bundle": "CERTIFICATES", "pip-conf": "PASSWORD"}
    assert "secrets" in built.secret_inputs
    assert set(built.inputs["ignoreSecretsInDiffCalculation"]) == set(built.inputs["secrets"])
    assert built.inputs["tags"] == plain.inputs["tags"]
    assert "secrets" not in plain.inputs


def test_the_base_image_is_a_build_argument_and_changes_the_tag(project: Path) -> None:
    plain = image(image_settings(project)).one("docker-build:index:Image").inputs
    other = image(image_settings(project, base_image="python:3.13")).one("docker-build:index:Image").inputs
    assert "PYTHON_IMAGE" not in plain["buildArgs"]
    assert other["buildArgs"]["PYTHON_IMAGE"] == "python:3.13"
    assert other["tags"] != plain["tags"]


def test_an_index_is_asked_for_in_the_image_and_in_the_task_and_has_to_be_there(project: Path) -> None:
    artifact = project / "model_service" / "artifact"
    metadata = read_metadata(artifact)
    about = IndexMetadata(
        model_version=metadata.model_version,
        checksum="",
        library="",
        lists=1,
        probes=1,
        longest=1.0,
        recall_at_10=1.0,
        measured_users=1,
    )
    plain = image(image_settings(project)).one("docker-build:index:Image").inputs
    assert "EXTRAS" not in plain["buildArgs"]
    small = image(image_settings(project), ann_min_items=FILMS + 1)
    assert small.one("docker-build:index:Image").inputs["buildArgs"]["EXTRAS"] == "approximate"
    with pytest.raises(
        ProgramError,
        match=r"but no approximate index: .* cannot be read\nTo fix it: .*python -m model_service.build_index",
    ):
        image(image_settings(project), ann_min_items=FILMS)
    (artifact / INDEX_METADATA_FILE).write_bytes(replace(about, model_version="0" * 64).to_bytes())
    with pytest.raises(ProgramError, match="is of model 000000000000"):
        image(image_settings(project), ann_min_items=FILMS)
    (artifact / INDEX_METADATA_FILE).write_bytes(about.to_bytes())
    (artifact / INDEX_FILE).write_bytes(b"index")
    large = image(image_settings(project), ann_min_items=FILMS)
    assert large.exports["environment"]["ANN_MIN_ITEMS"] == str(FILMS)
    staged = project / large.one("docker-build:index:Image").inputs["context"]["location"]
    assert (staged / "artifact" / INDEX_FILE).is_file()
    given = image(image_settings(project, uri=f"ghcr.io/films/app@{FOREIGN_DIGEST}"), ann_min_items=5)
    assert given.exports["environment"] == {"ANN_MIN_ITEMS": "5"}


def test_pyarrow_is_in_the_image_only_for_a_job_that_scores(project: Path) -> None:
    def extras(*commands: tuple[str, ...], ann_min_items: int = 0) -> str | None:
        jobs = [BatchJob(name=f"job{number}", command=command) for number, command in enumerate(commands)]
        recorded = image(image_settings(project), ann_min_items=ann_min_items, jobs=jobs)
        found: str | None = recorded.one("docker-build:index:Image").inputs["buildArgs"].get("EXTRAS")
        return found

    score = ("python3", "-m", "model_service.batch", "--out", "s3://films/lists/")
    assert extras(("true",)) is None
    assert extras(("true",), score) == "batch"
    assert extras(("sh", "-c", " ".join(score))) == "batch"
    assert extras(score, ann_min_items=FILMS + 1) == "approximate batch"


@pytest.mark.usefixtures("project")
def test_the_program_adds_what_its_jobs_need() -> None:
    job = json.dumps(BatchJob.EXAMPLE)
    recorded = run_main("dev", config={"batchJobs": [job]})
    assert recorded.one("docker-build:index:Image").inputs["buildArgs"]["EXTRAS"] == "batch"


def test_the_build_cache_is_in_the_registry_as_ecr_takes_it_and_fails_no_build(project: Path) -> None:
    plain = run_main("dev").one("docker-build:index:Image").inputs
    assert plain.keys().isdisjoint({"cacheFrom", "cacheTo"})
    inputs = run_main("dev", config={"imageCache": True}).one("docker-build:index:Image").inputs
    reference = inputs["tags"][0].rpartition(":")[0] + f":{CACHE_TAG}"
    assert inputs["cacheFrom"] == [{"registry": {"ref": reference}}]
    (written,) = inputs["cacheTo"]
    assert written["registry"]["ref"] == reference
    ecr = {"mode": "max", "imageManifest": True, "ociMediaTypes": True, "ignoreError": True}
    assert ecr.items() <= written["registry"].items()


def test_an_image_that_is_built_again_for_another_cache_is_not_pushed_over_its_immutable_tag(project: Path) -> None:
    """docker-build takes a changed cache for a changed image."""
    tags = {run_main("dev", config={"imageCache": cache}).exports["imageTag"] for cache in (True, False)}
    assert len(tags) == 2


def test_the_staged_folder_is_what_is_built(project: Path) -> None:
    inputs = image(image_settings(project)).one("docker-build:index:Image").inputs
    staged = project / inputs["context"]["location"]
    assert (project / inputs["dockerfile"]["location"]).parent == staged
    assert (staged / "serving" / "app.py").is_file()
    assert (staged / "artifact" / "metadata.json").is_file()
    assert not (staged / ".dockerignore").exists()


def test_the_switch_for_previews_never_changes_what_an_update_records(project: Path) -> None:
    def build(on: bool, preview: bool) -> Any:
        recorded = image(image_settings(project, build_on_preview=on), preview=preview)
        return recorded.one("docker-build:index:Image").inputs["buildOnPreview"]

    assert build(on=True, preview=True) is True
    assert build(on=False, preview=True) is False
    assert build(on=True, preview=False) is False
    assert build(on=False, preview=False) is False


def test_a_task_is_told_the_version_of_the_model_it_should_have(project: Path) -> None:
    exports = image(image_settings(project)).exports
    assert exports["environment"] == {"MODEL_VERSION": exports["version"]}
    assert exports["arns"] == ["arn:films"]


def test_a_digest_needs_no_look_up(project: Path) -> None:
    recorded = image(image_settings(project, uri=f"ghcr.io/films/app@{FOREIGN_DIGEST}"))
    assert recorded.calls == []
    assert recorded.exports["uri"] == f"ghcr.io/films/app@{FOREIGN_DIGEST}"
    assert recorded.exports["environment"] == {}
    assert recorded.exports["arns"] == []


def test_an_image_in_ecr_is_looked_up_without_a_password_in_the_state(project: Path) -> None:
    uri = "444455556666.dkr.ecr.eu-west-1.amazonaws.com/films:0123456789ab-ffffffffffff"
    recorded = image(image_settings(project, uri=uri))
    ((_, asked),) = [call for call in recorded.calls if call[0] == "aws:ecr/getImage:getImage"]
    assert asked == {
        "registryId": "444455556666",
        "region": "eu-west-1",
        "repositoryName": "films",
        "imageTag": "0123456789ab-ffffffffffff",
    }
    assert recorded.all("pulumi:providers:docker") == []
    assert recorded.exports["version"] == "0123456789ab"
    assert recorded.exports["arns"] == ["arn:aws:ecr:eu-west-1:444455556666:repository/films"]


def test_a_given_version_goes_with_a_foreign_image(project: Path) -> None:
    settings = image_settings(project, uri="ghcr.io/films/app:1", model_version="0123456789ab")
    assert image(settings).exports["environment"] == {"MODEL_VERSION": "0123456789ab"}


def test_any_folder_with_a_dockerfile_is_an_image_tagged_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")

    def tag() -> str:
        args = ModelImageArgs(context=tmp_path, repository=REPOSITORY, staging=tmp_path / "staging")
        recorded = run(lambda: ModelImage("app", args))
        return str(recorded.one("docker-build:index:Image").inputs["tags"][0])

    first = tag()
    assert re.fullmatch(r"registry\.example/films:[0-9a-f]{12}", first)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nUSER 1\n")
    assert tag() != first
