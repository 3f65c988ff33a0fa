"""Claims about failed deployments: a rollback is one, and each says why in ECS's and the container's words."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pulumi
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from infra.aws_clients import provider_client
from infra.errors import ProgramError
from infra.service import rollback
from infra.service.diagnosis import Clients, diagnose_deployment
from tests.infra.answers import Aws
from tests.infra.recorder import run, run_main

CLUSTER = "arn:aws:ecs:eu-central-1:111122223333:cluster/films"
BAD = "arn:aws:ecs:eu-central-1:111122223333:task-definition/films:7"
GOOD = "arn:aws:ecs:eu-central-1:111122223333:task-definition/films:6"
TASK = "arn:aws:ecs:eu-central-1:111122223333:task/films/0123456789abcdef"
OTHER_TASK = "arn:aws:ecs:eu-central-1:111122223333:task/films/fedcba9876543210"
GROUP = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/films/1"

SERVICE = {
    "deployments": [
        {"taskDefinition": GOOD, "rolloutState": "COMPLETED", "rolloutStateReason": "the good one completed"},
        {"taskDefinition": BAD, "rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start."},
    ],
    "events": [{"message": "(service films) rolling back to films:6"}],
    "loadBalancers": [{"targetGroupArn": GROUP}],
}
STOPPED = {
    "taskArn": TASK,
    "taskDefinitionArn": BAD,
    "stoppedReason": "Task failed ELB health checks",
    "containers": [{"exitCode": 137, "reason": "OutOfMemoryError"}],
}
DEFINITION = {
    "containerDefinitions": [
        {
            "name": "model",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "films-logs", "awslogs-stream-prefix": "task"},
            },
        }
    ]
}
TARGETS = [
    {
        "Target": {"Id": "10.0.0.7"},
        "TargetHealth": {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "codes: [503]"},
    },
    {"Target": {"Id": "10.0.0.8"}, "TargetHealth": {"State": "healthy"}},
]


class Account:
    """boto3 clients with the answers of an account where films:7 was rolled back, checked against AWS's own shapes."""

    def __init__(self, *, tasks: list[dict[str, Any]], log: list[str]) -> None:
        self.tasks, self.log = tasks, log

    def client(self, service: str) -> Any:
        made = boto3.client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
        stub = Stubber(made)
        of_cluster = {"cluster": CLUSTER}
        listed = {**of_cluster, "family": "films"}
        arns = [task["taskArn"] for task in self.tasks]
        answers: Mapping[str, list[tuple[str, Any, Any]]] = {
            "ecs": [
                ("describe_services", {"services": [SERVICE]}, {**of_cluster, "services": ["films"]}),
                ("list_tasks", {"taskArns": arns}, {**listed, "desiredStatus": "STOPPED"}),
                ("describe_tasks", {"tasks": self.tasks}, {**of_cluster, "tasks": arns}),
                ("describe_task_definition", {"taskDefinition": DEFINITION}, {"taskDefinition": BAD}),
            ],
            "elbv2": [
                ("describe_target_health", {"TargetHealthDescriptions": TARGETS}, {"TargetGroupArn": GROUP}),
            ],
            "logs": [
                (
                    "get_log_events",
                    {"events": [{"message": line} for line in self.log]},
                    {"logGroupName": "films-logs", "logStreamName": "task/model/0123456789abcdef", "limit": 15},
                )
            ],
        }
        calls: dict[str, Callable[..., Any]] = {}
        for operation, response, expected in answers[service]:
            calls[operation] = self._call(made, stub, operation, response, expected)
        return type("Client", (), {**{k: staticmethod(v) for k, v in calls.items()}, "exceptions": made.exceptions})

    @staticmethod
    def _call(made: Any, stub: Stubber, operation: str, response: Any, expected: Any) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            stub.add_response(operation, response, expected)
            with stub:
                return getattr(made, operation)(**arguments)

        return call


def told(clients: Clients) -> str:
    return diagnose_deployment(
        clients, cluster=CLUSTER, service="films", task_definition=BAD, verdict="was rolled back"
    )


def test_a_failure_names_reason_event_task_target_and_last_words() -> None:
    foreign = {**STOPPED, "taskArn": OTHER_TASK, "taskDefinitionArn": GOOD, "stoppedReason": "scaled in"}
    lines = told(Account(tasks=[foreign, STOPPED], log=["loading", "no artifact in /nowhere"]).client).splitlines()
    assert lines == [
        "the deployment of films:7 was rolled back",
        "  ECS: tasks failed to start.",
        "  event: (service films) rolling back to films:6",
        "  task 89abcdef stopped: Task failed ELB health checks; OutOfMemoryError (exit 137)",
        "  target 10.0.0.7 is unhealthy: Target.ResponseCodeMismatch - codes: [503]",
        "  last log lines of task 89abcdef:",
        "    loading",
        "    no artifact in /nowhere",
    ]


def test_a_part_that_aws_refuses_to_tell_hides_no_other_part() -> None:
    account = Account(tasks=[STOPPED], log=["the end"])

    def without_elb(service: str) -> Any:
        if service == "elbv2":
            raise NoCredentialsError
        return account.client(service)

    words = told(without_elb)
    assert "not available: Unable to locate credentials" in words
    assert "Task failed ELB health checks" in words
    assert words.endswith("the end")


def test_a_rolled_back_deployment_fails_and_says_what_runs_and_why(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, str]] = []

    def explained(clients: Clients, **about: str) -> str:
        assert clients is provider_client
        asked.append(about)
        return f"{about['verdict']}; no artifact in /nowhere"

    monkeypatch.setattr(rollback, "diagnose_deployment", explained)
    with pytest.raises(ProgramError, match=r"films:6 runs; no artifact in /nowhere\n.*pulumi refresh"):
        run_main("dev", aws=Aws(running_task_definition=GOOD))
    (about,) = asked
    assert about["service"] == "recommender-dev-service"
    assert about["task_definition"] == "arn:of:recommender-dev-definition"


def test_a_deployment_that_came_through_asks_for_no_reason(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollback, "diagnose_deployment", lambda *_, **__: pytest.fail("asked"))
    recorded = run_main("dev")
    tokens = [token for token, _ in recorded.calls]
    assert "aws:ecs/getService:getService" in tokens


def test_a_preview_looks_at_no_service(project: Path) -> None:
    calls = run_main("dev", preview=True, aws=Aws(running_task_definition=GOOD)).calls
    assert "aws:ecs/getService:getService" not in [token for token, _ in calls]


def test_a_service_that_cannot_be_made_is_explained_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main("dev").one("aws:ecs/service:Service").error_hooks == ("recommender-dev-explain",)
    said: list[str] = []
    monkeypatch.setattr(rollback, "diagnose_deployment", lambda _, **about: " ".join(about.values()))
    monkeypatch.setattr(pulumi.log, "error", said.append)
    args = pulumi.ErrorHookArgs(
        urn="urn",
        id="",
        name="films-service",
        type="aws:ecs/service:Service",
        new_inputs={"cluster": CLUSTER, "taskDefinition": BAD, "name": "films-1"},
        failed_operation="create",
        errors=["timeout while waiting for state"],
    )
    assert rollback._log_diagnosis(args) is False
    assert said == [f"{CLUSTER} films-1 {BAD} did not reach a steady state"]


def test_without_credentials_the_verdict_still_stands(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise NoCredentialsError

    monkeypatch.setattr(rollback, "diagnose_deployment", refuse)
    with pytest.raises(ProgramError, match=r"was rolled back: films:6 runs \(no diagnosis: Unable to locate"):
        run_main("dev", aws=Aws(running_task_definition=GOOD))


def test_the_reason_is_asked_of_the_account_that_the_provider_deploys_to() -> None:
    made: list[Any] = []
    config = {
        "aws:region": "eu-west-3",
        "aws:accessKey": "AKIDEXAMPLE",
        "aws:secretKey": "x",
        "aws:endpoints": '[{"ecs": "http://localhost:4999"}]',
    }
    run(lambda: made.extend([provider_client("ecs"), provider_client("logs")]), config=config)
    ecs, logs = made
    assert ecs.meta.region_name == "eu-west-3"
    assert ecs.meta.endpoint_url == "http://localhost:4999"
    assert logs.meta.endpoint_url == "https://logs.eu-west-3.amazonaws.com"
    assert ecs._request_signer._credentials.access_key == "AKIDEXAMPLE"
