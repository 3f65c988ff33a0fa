"""The local stack by the Pulumi CLI, in the order in which a person would go it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import PROJECT
from tests.e2e.traffic import Traffic
from tests.pulumi_cli.conftest import CALL, CliProject, copy_for_cli, operations
from tests.pulumi_cli.model import write_model
from tests.pulumi_cli.policy import analyzer, mandatory_violations

__all__ = ["analyzer"]

pytestmark = [pytest.mark.pulumi_cli, pytest.mark.e2e]

SERVICE = "recommender-local-service"
IMAGE = "recommender-local-image"
DEFINITION = "recommender-local-definition"
WAIT_SECONDS = 120.0


def _start(project: CliProject, **config: Any) -> subprocess.Popen[str]:
    """`deploy.up` as a process that an interrupt reaches, also where tests run behind &; its output are the events."""
    code = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += CALL.format(call="up", given=f", config={config!r}")
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _until_it_begins(process: subprocess.Popen[str], name: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["kind"] == "begin" and event["name"] == name:
            return
    pytest.fail(f"no work on {name}: {process.stderr.read() if process.stderr else ''}")


def _cli_of(process: subprocess.Popen[str]) -> psutil.Process:
    (cli,) = [one for one in psutil.Process(process.pid).children() if one.name() == "pulumi"]
    return cli


def test_make_up_deploys_with_the_cli_and_tells_resources_alone(cli_project: CliProject) -> None:
    printed = (cli_project.folder / "first-up.txt").read_text()
    assert "(with the Pulumi CLI, through the Automation API)" in printed
    assert re.search(r"First answer: 10 recommendations through the load balancer", printed)
    told = [line.split()[1] for line in printed.splitlines() if line.startswith("  + ")]
    assert "Service" in told
    assert not {"Stack", "aws", "Network", "FargateService"} & set(told)
    assert "rawstate" not in printed


def test_no_file_that_is_in_git_is_changed(cli_project: CliProject) -> None:
    for name in ("Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.dev.yaml"):
        assert (cli_project.folder / name).read_bytes() == (PROJECT / name).read_bytes()


def test_a_second_up_a_refresh_and_a_preview_after_it_find_no_difference(cli_project: CliProject) -> None:
    found = {call: operations(cli_project.call(call)) for call in ("preview", "refresh")}
    found["after"] = operations(cli_project.call("preview"))
    assert found == {"preview": [], "refresh": [], "after": []}


def test_a_new_model_takes_over_without_a_failed_request(cli_project: CliProject) -> None:
    version = write_model(cli_project.folder / "model_service" / "artifact", seed=1)
    with Traffic(cli_project.url) as traffic:
        done = [(operation, name) for operation, name, _ in operations(cli_project.call("up"))]
    replaced = [("update", IMAGE), ("replace", DEFINITION), ("update", SERVICE)]
    assert [one for one in done if one[1] in (IMAGE, DEFINITION, SERVICE) and one[0] != "delete-replaced"] == replaced
    assert traffic.failures == []
    assert (traffic.versions[-1] == version) is (traffic.versions[0] != version)


def test_spot_goes_on_and_off_without_a_failed_request_and_the_old_service_goes_last(cli_project: CliProject) -> None:
    with Traffic(cli_project.url) as traffic:
        on = operations(cli_project.call("up", spotPercent=50))
        off = operations(cli_project.call("up"))
    assert [(operation, name) for operation, name, _ in on if name == SERVICE] == [("update", SERVICE)]
    assert [(operation, name) for operation, name, _ in off if name == SERVICE] == [("update", SERVICE)]
    assert traffic.failures == []


def test_a_broken_version_is_explained_and_the_old_one_serves(cli_project: CliProject) -> None:
    with Traffic(cli_project.url) as traffic:
        failed = cli_project.try_call("up", environment=["ARTIFACT_DIR=/nowhere"], healthCheckGraceSeconds=8)
    assert failed.returncode == 1
    assert "rolled back" in failed.stderr
    assert "/nowhere" in failed.stderr  # the last log lines
    assert "Traceback" not in failed.stderr
    assert traffic.failures == []
    assert len(set(traffic.versions)) == 1


def test_the_next_version_is_deployed_after_a_broken_one(cli_project: CliProject) -> None:
    assert (DEFINITION in {name for _, name, _ in operations(cli_project.call("up"))}) is True


def test_an_interrupted_update_ends_in_order_and_the_next_one_goes_on(cli_project: CliProject) -> None:
    process = _start(cli_project, environment=["STEP=1"])
    _until_it_begins(process, SERVICE)
    cli = _cli_of(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode != 0
    assert not cli.is_running()
    assert "Another update" not in errors
    cli_project.call("up", environment=["STEP=1"])
    assert operations(cli_project.call("preview", environment=["STEP=1"])) == []


def test_the_lock_of_a_killed_cli_does_not_stop_the_next_update(cli_project: CliProject) -> None:
    process = _start(cli_project, environment=["STEP=2"])
    _until_it_begins(process, SERVICE)
    _cli_of(process).kill()
    process.communicate(timeout=WAIT_SECONDS)
    cli_project.call("up", environment=["STEP=2"])


def test_the_advised_cancel_removes_a_lock_of_another_machine(cli_project: CliProject) -> None:
    folder = cli_project.folder / ".local" / "pulumi" / ".pulumi" / "locks" / "organization" / "recommender" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    lock = {"pid": 1, "username": "somebody", "hostname": "elsewhere", "timestamp": "2026-01-01T00:00:00Z"}
    (folder / "00000000-0000-0000-0000-000000000000.json").write_text(json.dumps(lock))
    refused = cli_project.try_call("up")
    assert "is under way" in refused.stderr
    advised = refused.stderr.strip().rpartition(": ")[2]
    done = subprocess.run(["bash", "-c", advised], env=cli_project.environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert shlex.split(advised)[-1] == "local"
    cli_project.call("up")


def _state(project: CliProject) -> list[dict[str, Any]]:
    """The resources in the CLI's state file."""
    file = project.folder / ".local/pulumi/.pulumi/stacks/recommender/local.json"
    return list(json.loads(file.read_text())["checkpoint"]["latest"]["resources"])


def test_the_policy_pack_passes_what_is_deployed(cli_project: CliProject, analyzer: Any) -> None:
    assert mandatory_violations(analyzer, _state(cli_project)) == []


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory, cli_project: CliProject) -> Iterator[CliProject]:
    """Another copy with the same model, deployed by the engine of the emulated AWS."""
    variables = {**cli_project.variables, "DEPLOY_ENGINE": "emulated"}
    made = copy_for_cli(tmp_path_factory.mktemp("emulated") / "recommender", variables)
    model = Path("model_service", "artifact")
    shutil.copytree(cli_project.folder / model, made.folder / model, dirs_exist_ok=True)
    try:
        assert "without the Pulumi CLI" in made.run("deploy.local_stack", "up").stdout
        yield made
    finally:
        made.run("deploy.local_stack", "down", check=False)


def test_both_engines_register_the_same_resources_with_the_same_inputs(
    cli_project: CliProject, emulated: CliProject
) -> None:
    by_cli = {
        one["urn"].rpartition("::")[2]: one["inputs"] for one in _state(cli_project) if one["type"].startswith("aws:")
    }
    records = json.loads((emulated.folder / ".local/engine/local.json").read_text())["resources"]
    by_emulated = {one["name"]: one["inputs"] for one in records if one["type"].startswith("aws:")}
    assert set(by_cli) == set(by_emulated)
    for name, inputs in by_emulated.items():
        registered = {key: value for key, value in by_cli[name].items() if key in inputs}
        assert _comparable(registered, cli_project) == _comparable(inputs, emulated), name


def _comparable(value: Any, project: CliProject) -> Any:
    """A value without what differs from one deployment to the next: names' endings, ids, ports, numbers as text."""
    if isinstance(value, dict):
        return {key: _comparable(one, project) for key, one in value.items() if key != "__defaults"}
    if isinstance(value, list):
        return [_comparable(one, project) for one in value]
    if isinstance(value, bool) or value is None:
        return value
    text = str(value)
    for port in (project.aws_port, project.endpoint_port):
        text = text.replace(f":{port}", ":PORT")
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:DIGEST", re.sub(r"-[0-9a-f]{7}\b", "-NAME", text))
    text = re.sub(r"\b[0-9a-f]{12}-[0-9a-f]{12}\b", "TAG", text)  # the base image has a name for each clone
    text = re.sub(r"\b(sg|subnet|vpc)-[0-9a-f]+", r"\1-ID", text)
    return re.sub(r"/[0-9a-z]{16}\b", "/ID", re.sub(r":\d+$", ":REVISION", text))


@pytest.mark.parametrize(
    "change",
    [
        {"desiredCount": 3, "cpu": 512, "memoryMib": 1024, "spotPercent": 50, "tags": ["team=films"]},
        {"imageRetentionCount": 5, "allowedCidrs": ["203.0.113.0/24"], "rootPath": "/recommender"},
        {"internal": True},
    ],
    ids=lambda change: ",".join(change),
)
def test_both_engines_plan_the_same_operations_for_the_same_change(
    cli_project: CliProject, emulated: CliProject, change: dict[str, Any]
) -> None:
    by_cli, by_emulated = (
        sorted(
            {
                (operation, name)
                for operation, name, _ in operations(project.call("preview", **change))
                if operation != "delete-replaced"
            }
        )
        for project in (cli_project, emulated)
    )
    assert by_emulated == by_cli != []


def test_down_destroys_what_the_cli_made(cli_project: CliProject) -> None:
    printed = cli_project.run("deploy.local_stack", "down", ports=False).stdout
    assert re.search(r"Destroying the stack `local`: 2\d deleted, 0 unchanged", printed)
    assert not (cli_project.folder / ".local").exists()
