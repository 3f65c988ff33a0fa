"""Batch scoring in the image, as a batch job runs it: into S3, with the service's answers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.local_stack.up import find_ca_bundle
from local import docker_engine
from local.base_image import ensure_base_image
from local.console import Step
from tests.e2e.conftest import Project

pytestmark = pytest.mark.e2e
IMAGE = "recommender-batch-test"
COMMAND = ["-m", "model_service.batch", "--out", "s3://films/lists/", "--users-per-part", "200", "--titles"]


@pytest.fixture
def image(project: Project) -> Iterator[str]:
    """The project's image with what batch scoring needs."""
    with contextlib.closing(docker_engine.connect()) as engine:
        base = ensure_base_image(engine, Step(), clone=project.settings.clone)
        bundle = find_ca_bundle()
        options = ["--build-arg", f"PYTHON_IMAGE={base}", "--build-arg", "EXTRAS=batch", "--tag", IMAGE]
        options += ["--secret", f"id=ca-bundle,src={bundle}"] if bundle else []
        subprocess.run(
            [docker_engine.buildkit_cli(), "build", *options, str(project.folder / "model_service")],
            env=docker_engine.buildkit_environment(),
            check=True,
        )
        yield IMAGE
        engine.images.remove(IMAGE, force=True)


def _run(image: str, project: Project) -> str:
    """What the job prints; it is started as the task definition does: as the image's user, without capabilities."""
    variables = {
        "AWS_ENDPOINT_URL": f"http://localhost:{project.aws_port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    command = ["docker", "run", "--rm", "--network", "host", "--cap-drop", "ALL", *given, "--entrypoint", "python3"]
    done = subprocess.run([*command, image, *COMMAND], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_job_in_the_image_writes_what_the_service_answers(image: str, project: Project) -> None:
    s3 = project.aws("s3")
    s3.create_bucket(Bucket="films")
    told = _run(image, project)
    names = [one["Key"] for one in s3.list_objects_v2(Bucket="films", Prefix="lists/")["Contents"]]
    assert {"lists/_SUCCESS", "lists/_manifest.json", "lists/part-00000.parquet"} <= set(names)
    body = s3.get_object(Bucket="films", Key="lists/part-00000.parquet")["Body"].read()
    rows = pq.read_table(pa.BufferReader(body)).to_pylist()
    users = list(dict.fromkeys(row["user_id"] for row in rows))
    assert len(users) == 200
    for user in users[::50]:
        with urllib.request.urlopen(f"{project.url}/?uid={user}", timeout=10) as answer:
            expected = json.load(answer)["response"]
        assert [[row["title"], row["stars"]] for row in rows if row["user_id"] == user] == expected
    assert "kept from an earlier run" not in told
    assert "of them kept from an earlier run" in _run(image, project)
