"""What `make status` says, of a stack that runs and of what is left of one that does not."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

import deploy
from deploy.local_stack import status
from local import docker_engine, emulated_aws
from local.errors import LocalError
from local.settings import LocalSettings
from local.stack_record import StackRecord, save_record
from tests.local.conftest import Processes

MODEL = {
    "model_version": "687c1556a4320123",
    "ranker": "ials",
    "users": 943,
    "items": 1682,
    "data": {"ratings": 100000, "source": "synthetic (seed 0)"},
    "metrics": {
        "order": {"splits": [{"results": {"this_model": {"ndcg": [0.246, 0.23, 0.262]}}}]},
        "test": {"rmse": 0.8976},
    },
}
OUTPUTS = {"url": "http://localhost:8180", "clusterName": "c", "serviceName": "s"}


class Ecs:
    """An ECS in the middle of a replacement: one new task runs, two old ones leave."""

    def __init__(self) -> None:
        deployments = [
            {"status": "PRIMARY", "runningCount": 1, "taskDefinition": "task-definition/new:2"},
            {"status": "ACTIVE", "runningCount": 2, "taskDefinition": "task-definition/old:1"},
        ]
        event = {
            "createdAt": datetime(2026, 1, 1, tzinfo=UTC),
            "message": "(service s) rolled back to the last completed deployment.",
        }
        self.services = [
            {
                "desiredCount": 2,
                "runningCount": 3,
                "deployments": deployments,
                "events": [event],
                "loadBalancers": [{"targetGroupArn": "group"}],
            }
        ]

    def describe_services(self, **_: Any) -> dict[str, Any]:
        return {"services": self.services}

    def list_tasks(self, **_: Any) -> dict[str, Any]:
        return {"taskArns": ["arn/1", "arn/2", "arn/3"]}

    def describe_tasks(self, *, tasks: list[str], **_: Any) -> dict[str, Any]:
        image = {"image": "localhost:4666/recommender-local@sha256:aa"}
        definitions = ["new", "old", "foreign"]
        return {
            "tasks": [
                {
                    "taskArn": arn,
                    "lastStatus": "RUNNING",
                    "containers": [image],
                    "taskDefinitionArn": definition,
                    "attachments": [
                        {"details": [{"name": "privateIPv4Address", "value": f"10.0.0.{arn.rpartition('/')[2]}"}]}
                    ],
                }
                for arn, definition in zip(tasks, definitions, strict=True)
            ]
        }

    def describe_target_health(self, **_: Any) -> dict[str, Any]:
        failed = {"State": "unhealthy", "Description": "Health checks failed with these codes: [503]"}
        states = {"10.0.0.1": {"State": "healthy"}, "10.0.0.2": failed}
        return {"TargetHealthDescriptions": [{"Target": {"Id": ip}, "TargetHealth": one} for ip, one in states.items()]}

    def describe_task_definition(self, *, taskDefinition: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        versions = {"new": "687c1556a432", "old": "0123456789ab"}
        variables = [{"name": "LOG_LEVEL", "value": "INFO"}]
        if taskDefinition in versions:
            variables.append({"name": "MODEL_VERSION", "value": versions[taskDefinition]})
        return {"taskDefinition": {"containerDefinitions": [{"environment": variables}]}}


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch, processes: Processes) -> Ecs:
    """A deployed stack on an emulated AWS that answers."""
    made = Ecs()
    processes.running.add("emulator")
    monkeypatch.setattr(deploy, "outputs", lambda _: OUTPUTS)
    monkeypatch.setattr(emulated_aws, "is_reachable", lambda _: True)
    monkeypatch.setattr(status, "client", lambda *_, **__: made)
    monkeypatch.setattr(status, "fetch", lambda *_, **__: MODEL)
    return made


@pytest.mark.usefixtures("ecs")
def test_every_task_is_told_with_its_model_and_leaving_ones_are_counted_apart(
    settings: LocalSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    status.status(settings)
    told = capsys.readouterr().out
    assert "1 new and 2 leaving tasks run, 2 desired" in told
    tasks = [line.split() for line in told.splitlines() if line.startswith("  task")]
    assert [line[line.index("model") + 1] for line in tasks] == ["687c1556a432", "0123456789ab", "unknown"]
    assert [" ".join(line[3 : line.index("model")]) for line in tasks] == [
        "healthy",
        "unhealthy (Health checks failed with these codes: [503])",
        "no target",
    ]
    assert "was deployed again" in told
    assert "is not steady (yet)" in told
    assert "target 10.0.0.2 is unhealthy" in told


def test_a_steady_service_counts_its_tasks_of_those_wanted() -> None:
    deployments = [{"status": "PRIMARY", "runningCount": 2}, {"status": "ACTIVE", "runningCount": 0}]
    assert status.format_task_counts({"desiredCount": 2, "deployments": deployments}) == "2 of 2 tasks run"


def test_a_service_that_somebody_deleted_is_told(
    settings: LocalSettings, ecs: Ecs, capsys: pytest.CaptureFixture[str]
) -> None:
    ecs.services = []
    status.status(settings)
    assert "s is gone. `make up` makes it again" in capsys.readouterr().out


def test_an_emulated_aws_that_cannot_be_asked_ends_in_a_message(
    settings: LocalSettings, ecs: Ecs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url=settings.aws_url)

    monkeypatch.setattr(ecs, "describe_services", unreachable)
    with pytest.raises(LocalError, match=r"does not answer: Could not connect .* `make down`, then `make up`"):
        status.status(settings)
    monkeypatch.setattr(emulated_aws, "is_reachable", lambda _: False)
    with pytest.raises(LocalError, match="it does not answer on http://localhost:4666"):
        status.status(settings)


def test_where_nothing_was_started_the_stack_is_only_down(
    settings: LocalSettings, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    status.status(settings)
    assert capsys.readouterr().out == "The local stack is down. `make up` brings it up.\n"


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["running", "exited", "running"], "containers of its tasks are left (2 still running, 1 stopped). "),
        ([], "its images and state are left. "),
    ],
)
def test_what_a_killed_emulator_left_is_told(
    settings: LocalSettings,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    states: list[str],
    told: str,
) -> None:
    save_record(settings.state_dir, StackRecord(aws_port=4666, endpoint_port=8180))
    monkeypatch.setattr(docker_engine, "connect", lambda: None)
    monkeypatch.setattr(emulated_aws, "task_containers", lambda *_: [SimpleNamespace(status=state) for state in states])
    status.status(settings)
    printed = capsys.readouterr().out
    assert told in printed
    assert "`make down` removes all of it" in printed


def test_an_engine_that_a_failed_up_left_running_is_told_with_the_way_to_stop_it(
    settings: LocalSettings, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.running.add("dockerd")
    status.status(settings)
    assert "Docker engine that `make up` started still runs; `make down` stops it" in capsys.readouterr().out
    processes.running.add("emulator")
    assert status.orphaned_engine_hint(settings.state_dir) == ""


@pytest.mark.usefixtures("ecs")
def test_the_model_is_told_with_its_data_and_metrics(
    settings: LocalSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    status.status(settings)
    told = capsys.readouterr().out
    assert "Model:    687c1556a432, ials\n" in told
    assert "Data:     100,000 ratings, 943 users, 1,682 items: synthetic (seed 0)\n" in told
    assert "NDCG@10 0.246 (95 %: 0.230 to 0.262) on test ratings; RMSE of the stars 0.898\n" in told


@pytest.mark.usefixtures("ecs")
def test_a_service_that_does_not_answer_is_told_and_the_rest_all_the_same(
    settings: LocalSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(*_: Any, **__: Any) -> Any:
        raise LocalError("http://localhost:8180 does not answer")

    monkeypatch.setattr(status, "fetch", fetch)
    status.status(settings)
    told = capsys.readouterr().out
    assert "Model:    http://localhost:8180 does not answer" in told
    assert "Service:  s" in told


@pytest.mark.parametrize("answer", [{}, {"model": "another service's"}, {"data": [], "metrics": None}])
def test_another_service_s_answer_is_no_model(answer: dict[str, Any]) -> None:
    assert status.format_model(answer) == []


def test_an_event_without_an_explanation_is_told_as_it_is() -> None:
    assert status.explain("(service s) has begun draining connections on 1 tasks.").startswith("old tasks finish")
    assert status.explain("(service s) something else") == "(service s) something else"
