"""What is sent to the Pulumi CLI, and what is made of its answers; a stand-in takes the CLI's place."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import DeployError, Event
from deploy.events import format_event
from tests.deploy.conftest import STACK_FILES, Cli, diagnostic, step, urn

SERVICE = "aws:ecs/service:Service"


def _ignore(_: Event) -> None:
    """A callback for tests that look elsewhere."""


def _options(call: dict[str, Any]) -> dict[str, str]:
    """The options of a call that take a value."""
    arguments = call["arguments"]
    wanted = ("--stack", "--config-file", "--color", "--exec-kind")
    return {name: arguments[arguments.index(name) + 1] for name in wanted if name in arguments}


@pytest.mark.parametrize(
    ("method", "flags"),
    [
        ("preview", set()),
        ("up", {"--yes", "--skip-preview"}),
        ("refresh", {"--yes", "--skip-preview"}),
        ("destroy", {"--yes", "--skip-preview"}),
    ],
)
def test_each_call_runs_its_command_on_its_stack_with_its_file_and_asks_nothing(
    cli: Cli, method: str, flags: set[str]
) -> None:
    cli.says(*step("create", SERVICE, "a"))
    result = getattr(cli.stack("dev"), method)(_ignore)
    call = cli.last(method)
    assert flags <= set(call["arguments"])
    assert ("--yes" in call["arguments"]) == bool(flags)
    assert _options(call)["--stack"] == "dev"
    assert _options(call)["--config-file"] == str(cli.project / "Pulumi.dev.yaml")
    assert call["cwd"] == str(cli.project)
    assert dict(result.changes) == {"create": 1}


def test_a_stack_that_is_not_there_is_made_and_one_that_is_there_is_selected(cli: Cli) -> None:
    cli.stack("dev").up(_ignore)
    cli.stack("dev").up(_ignore)
    stack_calls = [call["arguments"][:3] for call in cli.calls() if call["arguments"][1] in ("select", "init")]
    select = ["stack", "select", "--stack"]
    assert stack_calls == [select, ["stack", "init", "dev"], select]


def test_overrides_reach_the_cli_and_no_stack_file(cli: Cli) -> None:
    overrides = {"desiredCount": 4, "aws:region": "eu-west-1", "tags": ["team=films"]}
    cli.stack("dev", config=overrides).up(_ignore)
    call = cli.last("up")
    assert yaml.safe_load(call["config"])["config"] == {
        "aws:region": "eu-west-1",
        "recommender:desiredCount": 4,
        "recommender:tags": ["team=films"],
    }
    assert {name: (cli.project / f"Pulumi.{name}.yaml").read_text() for name in STACK_FILES} == STACK_FILES


def test_the_local_stack_keeps_its_state_in_the_project_and_needs_no_passphrase(cli: Cli) -> None:
    cli.stack("local").up(_ignore)
    environment = cli.last("up")["environment"]
    assert environment["PULUMI_BACKEND_URL"] == (cli.project / ".local" / "pulumi").as_uri()
    assert environment["PULUMI_CONFIG_PASSPHRASE"] == ""


@pytest.mark.parametrize("method", ["preview", "up", "refresh", "destroy", "outputs"])
def test_no_call_for_the_local_stack_changes_a_file_that_is_in_git_and_its_salt_stays(cli: Cli, method: str) -> None:
    cli.stack("local").up(_ignore)
    file = cli.project / ".local" / "pulumi" / "workspace" / "Pulumi.local.yaml"
    salt = yaml.safe_load(file.read_text())["encryptionsalt"]
    call = getattr(cli.stack("local", config={"desiredCount": 3}), method)
    call(*(() if method == "outputs" else (_ignore,)))
    assert {name: (cli.project / f"Pulumi.{name}.yaml").read_text() for name in STACK_FILES} == STACK_FILES
    kept = yaml.safe_load(file.read_text())
    assert kept["encryptionsalt"] == salt
    count = 2 if method == "outputs" else 3  # what only reads changes nothing under a deployment
    assert kept["config"] == {"aws:region": "us-east-1", "recommender:desiredCount": count}


def test_the_local_stack_s_program_is_the_project_s_in_the_environment_of_this_process(cli: Cli) -> None:
    cli.stack("local").up(_ignore)
    folder = Path(cli.last("up")["cwd"])
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    assert project["name"] == "recommender"
    assert (folder / project["main"]).resolve() == cli.project.resolve()
    assert project["runtime"]["options"]["virtualenv"] == sys.prefix


def test_the_salt_of_another_stack_stays_in_its_file_where_its_owner_commits_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "secret")
    cli.stack("dev").up(_ignore)
    assert "encryptionsalt" in (cli.project / "Pulumi.dev.yaml").read_text()


def test_other_stacks_go_where_the_cli_is_logged_in_or_where_they_are_told(cli: Cli) -> None:
    cli.stack("dev").preview(_ignore)
    cli.stack("dev", backend="s3://state").up(_ignore)
    assert "PULUMI_BACKEND_URL" not in cli.last("preview")["environment"]
    assert "PULUMI_CONFIG_PASSPHRASE" not in cli.last("preview")["environment"]
    assert cli.last("up")["environment"]["PULUMI_BACKEND_URL"] == "s3://state"


def test_outputs_come_back_as_plain_values(cli: Cli) -> None:
    cli.says(outputs={"url": "http://lb", "ports": [80]})
    assert cli.stack("dev").outputs() == {"url": "http://lb", "ports": [80]}
    assert cli.stack("dev").up(_ignore).outputs == {"url": "http://lb", "ports": [80]}


@pytest.mark.parametrize("version", ["v3.272.0", "v3.200.0"])
def test_steps_are_told_as_they_happen_by_gRPC_and_by_file(cli: Cli, version: str) -> None:  # noqa: N802
    replaced = [e for op in ("create-replacement", "replace", "delete-replaced") for e in step(op, SERVICE, "b")]
    cli.says(*step("create", SERVICE, "a"), *replaced, *step("same", SERVICE, "c"), version=version)
    seen: list[Event] = []
    cli.stack("dev").up(seen.append)
    assert [(event.kind, event.operation, event.name) for event in seen] == [
        ("begin", "create", "a"),
        ("done", "create", "a"),
        ("begin", "replace", "b"),
        ("done", "replace", "b"),
        ("begin", "delete-replaced", "b"),
        ("done", "delete-replaced", "b"),
        ("done", "same", "c"),
    ]
    assert all(event.seconds is not None for event in seen if event.kind == "done")


def test_a_preview_tells_no_durations(cli: Cli) -> None:
    cli.says(*step("create", SERVICE, "a", planning=True))
    seen: list[Event] = []
    cli.stack("dev").preview(seen.append)
    assert [event.seconds for event in seen] == [None, None]


def test_components_providers_and_the_stack_are_neither_told_nor_counted(cli: Cli) -> None:
    cli.says(
        *step("delete", "pulumi:pulumi:Stack", "recommender-dev", custom=False),
        *step("delete", "pulumi:providers:aws", "default"),
        *step("delete", "recommender:infra:Network", "recommender-dev", custom=False),
        *step("delete", SERVICE, "a"),
    )
    seen: list[Event] = []
    result = cli.stack("dev").destroy(seen.append)
    assert [event.name for event in seen if event.kind == "done"] == ["a"]
    assert dict(result.changes) == {"delete": 1}


def test_a_protected_resource_is_refused_before_anything_is_deleted(cli: Cli) -> None:
    reason = "unable to delete resource as it is currently marked for protection"
    cli.says(diagnostic(reason, at=urn(SERVICE, "api-service")), exit=255, stderr="error: preview failed")
    with pytest.raises(DeployError, match=f"api-service: {reason}"):
        cli.stack("prod").destroy(_ignore)
    (only,) = [call["arguments"] for call in cli.calls() if call["arguments"][0] == "destroy"]
    assert "--preview-only" in only


def test_a_refresh_tells_which_properties_differ(cli: Cli) -> None:
    cli.says(*step("update", SERVICE, "a", diffs=["tags.team", "desiredCount"]))
    seen: list[Event] = []
    cli.stack("dev").refresh(seen.append)
    assert format_event(seen[-1]).startswith("  ~ Service a: desiredCount, tags (")


def test_debug_messages_of_the_engine_are_not_told(cli: Cli) -> None:
    levels = ("debug", "info", "warning")
    cli.says(*[diagnostic(f"of level {level}", severity=level) for level in levels])
    seen: list[Event] = []
    cli.stack("dev").up(seen.append)
    assert [event.message for event in seen] == ["of level info", "of level warning"]


def test_what_the_cancelled_program_writes_after_the_error_is_not_told(cli: Cli) -> None:
    cli.says(
        diagnostic("about to fail", severity="info#err"),
        diagnostic("creating ECS Service: AccessDeniedException", at=urn(SERVICE, "api-service")),
        diagnostic("Traceback (most recent call last):", severity="info#err"),
        diagnostic("Resource monitor has terminated, shutting down"),
        exit=255,
        stderr="error: update failed",
    )
    seen: list[Event] = []
    with pytest.raises(DeployError) as caught:
        cli.stack("dev").up(seen.append)
    assert str(caught.value) == "api-service: creating ECS Service: AccessDeniedException"
    assert [event.message for event in seen if event.kind == "log"] == ["about to fail"]


def test_messages_come_through_without_colour_marks_and_passing_ones_do_not(cli: Cli) -> None:
    cli.says(
        diagnostic("<{%fg 13%}>#12 pushing layers<{%reset%}>\n", severity="info"),
        diagnostic("[3/9] 12 %", severity="info", ephemeral=True),
    )
    seen: list[Event] = []
    cli.stack("dev").up(seen.append)
    assert [(event.kind, event.message) for event in seen] == [("log", "#12 pushing layers")]


@pytest.mark.parametrize("method", ["preview", "up", "refresh", "destroy"])
def test_a_failure_names_the_resource_and_the_reason(cli: Cli, method: str) -> None:
    reason = "creating ECS Service: AccessDeniedException: not allowed"
    cli.says(
        diagnostic(f"<{{%reset%}}>{reason}<{{%reset%}}>\n", at=urn(SERVICE, "api-service")),
        diagnostic("update failed", at=urn("pulumi:pulumi:Stack", "recommender-dev")),
        exit=255,
        stderr="error: update failed",
    )
    with pytest.raises(DeployError) as caught:
        getattr(cli.stack("dev"), method)(_ignore)
    assert str(caught.value) == f"api-service: {reason}"


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("no resource plugin 'pulumi-resource-aws' found", "DEPLOY_ENGINE=emulated make up"),
        ("RepositoryAlreadyExistsException: The repository exists", "`make down`, then again"),
    ],
)
def test_what_the_machine_lacks_for_the_local_stack_is_told_with_the_way_out(cli: Cli, reason: str, hint: str) -> None:
    cli.says(diagnostic(reason, at=urn(SERVICE, "a")), exit=255, stderr="error: update failed")
    for stack in ("local", "dev"):
        with pytest.raises(DeployError, match=re.escape(reason)) as caught:
            cli.stack(stack).up(_ignore)
        assert (hint in str(caught.value)) is (stack == "local")


def test_a_failure_without_an_event_tells_what_the_cli_said(cli: Cli) -> None:
    cli.says(
        stack_exit=255, stderr="error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions"
    )
    with pytest.raises(DeployError, match="PULUMI_ACCESS_TOKEN must be set") as caught:
        cli.stack("dev").up(_ignore)
    assert "stdout" not in str(caught.value)


LOCKED = "error: the stack is currently locked by 1 lock(s). Either wait or run `pulumi cancel`"


def test_a_locked_stack_is_explained_with_the_command_that_frees_it(cli: Cli) -> None:
    cli.says(exit=255, stderr=LOCKED)
    with pytest.raises(DeployError, match=re.escape("pulumi cancel --yes --stack dev")):
        cli.stack("dev").up(_ignore)


def test_the_command_that_frees_the_local_stack_has_its_backend_and_passphrase(cli: Cli) -> None:
    cli.says(exit=255, stderr=LOCKED)
    backend = (cli.project / ".local" / "pulumi").as_uri()
    advised = f"PULUMI_BACKEND_URL={backend} PULUMI_CONFIG_PASSPHRASE='' pulumi cancel --yes --stack local"
    with pytest.raises(DeployError, match=re.escape(advised)):
        cli.stack("local").up(_ignore)


@pytest.mark.parametrize(("pid", "host", "cancelled"), [(None, "", True), (1, "", False), (None, "elsewhere", False)])
def test_a_lock_is_removed_where_its_process_has_ended(cli: Cli, pid: int | None, host: str, cancelled: bool) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock = cli.project / ".local" / "pulumi" / ".pulumi" / "locks" / "organization" / "recommender" / "local" / "a.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": pid or ended.pid, "hostname": host or socket.gethostname()}))
    cli.stack("local").up(_ignore)
    assert (["cancel", "--yes"] in [call["arguments"][:2] for call in cli.calls()]) is cancelled


def test_an_interrupt_is_handed_to_the_cli_and_its_end_waited_for(cli: Cli) -> None:
    cli.says(sleep=60)
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run behind &\n"
        "from pathlib import Path\n"
        "from deploy.pulumi_cli import PulumiCli\nfrom deploy.pulumi_command import find_pulumi\n"
        f"stack = PulumiCli(stack='dev', config={{}}, backend=None, project_dir=Path({str(cli.project)!r}), "
        "command=find_pulumi())\n"
        "try:\n    stack.up(lambda _: None)\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        while not (cli.folder / "sleeps").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate()
    assert told == "interrupted\n"
    assert (cli.folder / "interrupts").read_text() == "1"


def test_a_cli_that_is_too_old_is_named_with_the_version_it_needs(cli: Cli) -> None:
    cli.says(version="v3.0.9")
    with pytest.raises(DeployError, match=r"minimum CLI version requirement is .*your current CLI version is 3\.0\.9"):
        cli.stack("dev").up(_ignore)


def test_a_cli_that_does_not_run_is_told(cli: Cli) -> None:
    found = shutil.which("pulumi")
    assert found is not None
    with open(found, "w") as script:  # noqa: PTH123
        script.write("#!/bin/sh\nexit 3\n")
    with pytest.raises(DeployError, match="does not run"):
        cli.stack("dev").up(_ignore)
