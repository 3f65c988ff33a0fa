"""The whole way through on the emulated AWS, in the order in which a person would go it."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from deploy.local_stack.image_layers import CONTEXT, STAGE, build_options
from local import docker_engine, emulated_aws
from local.console import step
from local.docker_engine import buildkit_cli, buildkit_environment
from local.stack_record import load_record
from tests.e2e.conftest import Project, engine_answers
from tests.e2e.traffic import Traffic
from tests.pulumi_cli.model import write_model

pytestmark = pytest.mark.e2e


def _outputs(project: Project) -> dict[str, Any]:
    done = project.deploy("import deploy, json; print(json.dumps(deploy.outputs('local')))")
    return dict(json.loads(done.stdout))


def _listed_images(project: Project) -> dict[str, str]:
    """The emulated registry's tags with their digests."""
    images = project.aws("ecr").describe_images(repositoryName="recommender-local")["imageDetails"]
    return {tag: image["imageDigest"] for image in images for tag in image.get("imageTags", [])}


def _revisions(project: Project) -> list[str]:
    return list(project.aws("ecs").list_task_definitions()["taskDefinitionArns"])


def _wait_for_tasks(project: Project, count: int, *, without: str = "", seconds: float = 30) -> list[Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        containers = [one for one in project.task_containers() if one.id != without]
        if len(containers) == count:
            return containers
        time.sleep(0.2)
    pytest.fail(f"there are not {count} task containers after {seconds:.0f} s")


def _wait_for_answers(traffic: Traffic, count: int, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while len(traffic.versions) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(traffic.versions) >= count, traffic.failures


def test_one_command_brings_up_ten_titled_recommendations_through_the_load_balancer(project: Project) -> None:
    printed = (project.folder / "first-up.txt").read_text()
    assert f"Endpoint: {project.url}" in printed
    titles = re.findall(r"^ +(\d+)\. +\d\.\d\d  (.+)$", printed, flags=re.MULTILINE)
    assert [int(place) for place, _ in titles] == list(range(1, 11))
    assert len({title for _, title in titles}) == 10


def test_tasks_run_the_image_by_the_digest_that_the_registry_lists(project: Project) -> None:
    outputs = _outputs(project)
    assert _listed_images(project) == {outputs["imageTag"]: outputs["imageDigest"]}
    containers = _wait_for_tasks(project, 2)
    images = {one.attrs["Config"]["Image"] for one in containers}
    assert images == {f"localhost:{project.aws_port}/recommender-local@{outputs['imageDigest']}"}


def test_the_layers_that_were_built_during_the_training_are_those_of_the_image(project: Project) -> None:
    record = load_record(project.settings.state_dir)
    assert record is not None
    tag = ["--tag", f"{project.settings.registry_host}/layers"]  # `make down` removes it
    command = [buildkit_cli(), "build", "--target", STAGE, *tag, *build_options(record.config), CONTEXT.name]
    done = subprocess.run(
        command, cwd=project.folder, env=buildkit_environment(), capture_output=True, text=True, check=True
    )
    last = re.search(r"^(#\d+) \[build (\d+)/\2\] RUN", done.stderr, flags=re.MULTILINE)
    assert last is not None, done.stderr
    assert re.search(f"^{last[1]} CACHED", done.stderr, flags=re.MULTILINE), done.stderr


def test_a_second_up_changes_nothing(project: Project) -> None:
    before, digests, tasks = _revisions(project), _listed_images(project), {c.id for c in project.task_containers()}
    started = time.monotonic()
    printed = project.run("deploy.local_stack", "up").stdout
    assert time.monotonic() - started < 30
    assert re.search(r"Deployment: \d+ unchanged ", printed)
    assert "building" not in printed
    assert "pushing" not in printed
    assert (_revisions(project), _listed_images(project)) == (before, digests)
    assert {one.id for one in project.task_containers()} == tasks


def test_without_ports_a_stack_that_is_up_is_found_and_a_preview_changes_nothing(project: Project) -> None:
    told = project.run("deploy.local_stack", "status", ports=False).stdout
    assert f"Endpoint: {project.url}" in told
    assert "2 of 2 tasks run" in told
    assert told.count(f"model {_outputs(project)['modelVersion']}") == 2
    code = "import deploy; print(deploy.preview('local').summary())"
    assert re.fullmatch(r"\d+ unchanged\n", project.deploy(code, ports=False).stdout)


def test_a_setting_beyond_the_emulated_aws_is_refused_by_its_name(project: Project) -> None:
    code = (
        "import sys, deploy\n"
        "try:\n    deploy.preview('local', config={'domain': 'films.example.com'})\n"
        "except deploy.DeployError as error:\n    sys.exit(str(error))\n"
    )
    refused = project.deploy(code, check=False)
    assert refused.stderr.startswith("the setting domain needs the function aws:route53/getZone:getZone")
    assert "Traceback" not in refused.stderr


def test_tasks_run_under_the_limits_of_their_task_definition(project: Project) -> None:
    (container, _) = _wait_for_tasks(project, 2)
    host = container.attrs["HostConfig"]
    definition = project.aws("ecs").describe_task_definition(taskDefinition="recommender-local")["taskDefinition"]
    memory, cpu = int(definition["memory"]) * 1024**2, int(definition["cpu"]) / 1024
    assert host["Memory"] == memory
    assert host["MemorySwap"] in (memory, -1)  # -1: a kernel without accounting of swap
    assert host["CpuQuota"] / host["CpuPeriod"] == cpu
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)


def test_a_task_killed_under_traffic_costs_at_most_one_request(project: Project) -> None:
    victim, _ = _wait_for_tasks(project, 2)
    with Traffic(project.url) as traffic:
        _wait_for_answers(traffic, 50)
        victim.kill()
        _wait_for_tasks(project, 2, without=victim.id)
        _wait_for_answers(traffic, len(traffic.versions) + 50)
    assert len(traffic.failures) <= 1, traffic.failures


def test_a_killed_task_is_replaced(project: Project) -> None:
    victim = _wait_for_tasks(project, 2)[0]
    victim.kill()
    assert victim.id not in {one.id for one in _wait_for_tasks(project, 2, without=victim.id)}


def test_a_new_model_takes_over_without_a_failed_request(project: Project) -> None:
    _wait_for_tasks(project, 2)
    old, tasks = _outputs(project), {one.id for one in project.task_containers()}
    write_model(project.folder / "model_service" / "artifact", seed=1)
    with Traffic(project.url) as traffic:
        time.sleep(1)
        project.run("deploy.local_stack", "up")
        time.sleep(1)
    new = _outputs(project)
    assert traffic.failures == []
    assert new["modelVersion"] != old["modelVersion"]
    assert new["imageDigest"] != old["imageDigest"]
    assert new["imageTag"] != old["imageTag"]
    assert (traffic.versions[0], traffic.versions[-1]) == (old["modelVersion"], new["modelVersion"])
    assert not tasks & {one.id for one in _wait_for_tasks(project, 2)}


def test_a_version_that_never_gets_ready_is_rolled_back_and_fails_with_its_last_words(project: Project) -> None:
    old, tasks = _outputs(project), {one.id for one in _wait_for_tasks(project, 2)}
    broken = json.dumps({"environment": ["ARTIFACT_DIR=/nowhere"], "healthCheckGraceSeconds": 8})
    code = (
        "import json, sys, deploy\n"
        "from deploy.local_stack.up import prepare\n"
        f"config = prepare() | json.loads({broken!r})\n"
        "try:\n    deploy.up('local', config=config)\n"
        "except deploy.DeployError as error:\n    sys.exit(str(error))\n"
    )
    with Traffic(project.url) as traffic:
        failed = project.deploy(code, check=False)
    assert failed.returncode == 1
    assert "rolled back" in failed.stderr
    assert "failed ELB health checks" in failed.stderr
    assert "/nowhere" in failed.stderr
    assert traffic.failures == []
    assert set(traffic.versions) == {old["modelVersion"]}
    assert {one.id for one in _wait_for_tasks(project, 2)} == tasks
    printed = project.run("deploy.local_stack", "up").stdout
    assert "Endpoint:" in printed


def test_the_openapi_page_is_served(project: Project) -> None:
    with urllib.request.urlopen(f"{project.url}/openapi.json", timeout=10) as answer:
        assert "/" in json.load(answer)["paths"]


def test_the_tasks_ports_are_on_loopback_only(project: Project) -> None:
    for container in _wait_for_tasks(project, 2):
        assert not [binding for bindings in container.ports.values() for binding in bindings or []]


def test_tasks_that_outlive_a_killed_emulator_are_told_and_replaced_by_the_next_up(project: Project) -> None:
    process = emulated_aws.daemon(project.folder / ".local").running()
    assert process is not None
    process.kill()
    orphans = {one.id for one in _wait_for_tasks(project, 2)}
    told = project.run("deploy.local_stack", "status", ports=False).stdout
    assert "containers of its tasks are left (2 still running" in told
    project.run("deploy.local_stack", "up", ports=False)
    assert not orphans & {one.id for one in _wait_for_tasks(project, 2)}


def test_down_leaves_nothing_of_this_project(project: Project, tmp_path: Path) -> None:
    own_engine = docker_engine.daemon(project.folder / ".local").running() is not None
    told = project.run("deploy.local_stack", "down", ports=False).stdout
    assert project.task_containers() == []
    assert not (project.folder / ".local").exists()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(project.url, timeout=2)
    goes_on = "Docker engine that `make up` started: goes on: another clone" in told  # such as that of tests/pulumi_cli
    assert engine_answers() is (goes_on or not own_engine)
    assert _images_left(project, tmp_path) == []


def _images_left(project: Project, state_dir: Path) -> list[str]:
    """The copy's image names that the Docker engine still knows; one that `down` stopped is started to be asked."""
    try:
        with step("Docker engine") as now, contextlib.closing(docker_engine.ensure_docker(state_dir, now)) as engine:
            images = engine.images.list()
            names = [name for image in images for name in image.tags + (image.attrs["RepoDigests"] or [])]
    finally:
        docker_engine.daemon(state_dir).stop()
    own = re.compile(rf"localhost:{project.aws_port}/.*|recommender-base:.*{project.settings.clone}")
    return [name for name in names if own.fullmatch(name)]
