"""Claims about tasks that end, and about what a container may do when somebody looks inside."""

import json
import shlex
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config.batch import BatchJob
from infra.service.roles import s3_policy, scheduler_policy
from tests.infra.answers import ACCOUNT, REGION
from tests.infra.recorder import Recording, run_main
from tests.infra.service.test_fargate_service import SERVICE, container, service
from tests.infra.settings import replace

COMMAND = ["python3", "-c", "print('one, two', \"three\")", "--films=a b,c"]
TASK = {"name": "score", "command": COMMAND, "schedule": "cron(0 4 * * ? *)", "timezone": "Europe/Berlin"}
DOCUMENTS = Path(__file__).parents[3] / "docs"
SCHEDULE = "aws:scheduler/schedule:Schedule"


def program(**change: Any) -> Recording:
    return run_main("dev", config={"batchJobs": [json.dumps({**TASK, **change})]})


def definition(recorded: Recording) -> Any:
    (only,) = json.loads(
        recorded.one("aws:ecs/taskDefinition:TaskDefinition", "-score-definition").inputs["containerDefinitions"]
    )
    return only


@pytest.mark.usefixtures("project")
def test_arguments_with_commas_spaces_and_quotes_survive() -> None:
    made = definition(program())
    assert [*made["entryPoint"], *made["command"]] == COMMAND


@pytest.mark.usefixtures("project")
def test_the_task_runs_the_services_image_and_takes_no_requests() -> None:
    recorded = program()
    made = definition(recorded)
    (serving,) = json.loads(
        recorded.one("aws:ecs/taskDefinition:TaskDefinition", "-dev-definition").inputs["containerDefinitions"]
    )
    assert made["image"] == serving["image"]
    assert not {"portMappings", "healthCheck"} & set(made)
    assert made["logConfiguration"]["options"]["awslogs-group"] == "recommender-dev-score-logs"


@pytest.mark.usefixtures("project")
def test_the_schedule_starts_the_task_where_the_service_runs() -> None:
    recorded = program()
    schedule = recorded.one(SCHEDULE).inputs
    target = schedule["target"]
    placed = recorded.one("aws:ecs/service:Service").inputs["networkConfiguration"]
    assert (schedule["scheduleExpression"], schedule["scheduleExpressionTimezone"]) == (
        TASK["schedule"],
        "Europe/Berlin",
    )
    assert target["arn"] == "arn:of:recommender-dev-cluster"
    assert target["ecsParameters"]["taskDefinitionArn"] == "arn:of:recommender-dev-score-definition"
    assert target["ecsParameters"]["networkConfiguration"] == placed


@pytest.mark.usefixtures("project")
def test_the_schedule_may_start_this_task_and_nothing_else() -> None:
    recorded = program()
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy", "-scheduler-grants").inputs["policy"])
    trust = json.loads(recorded.one("aws:iam/role:Role", "-scheduler").inputs["assumeRolePolicy"])
    run, tag, hand = policy["Statement"]
    assert (run["Action"], run["Resource"]) == (["ecs:RunTask"], ["arn:of:recommender-dev-score-definition"])
    assert run["Condition"] == {"ArnEquals": {"ecs:cluster": "arn:of:recommender-dev-cluster"}}
    assert (tag["Action"], tag["Condition"]) == (
        ["ecs:TagResource"],
        {"StringEquals": {"ecs:CreateAction": "RunTask"}},
    )
    assert set(hand["Resource"]) == {"arn:of:recommender-dev-score-execution", "arn:of:recommender-dev-score-task"}
    assert hand["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


@pytest.mark.usefixtures("project")
def test_a_task_without_a_schedule_is_run_by_the_command_that_is_told() -> None:
    recorded = program(schedule="")
    assert recorded.all(SCHEDULE) == []
    words = shlex.split(recorded.exports["batchJobCommands"]["score"])
    options = dict(zip(words[3:-1:2], words[4::2], strict=True))
    placed = recorded.one("aws:ecs/service:Service").inputs["networkConfiguration"]
    network = json.loads(options["--network-configuration"])["awsvpcConfiguration"]
    assert words[:3] == ["aws", "ecs", "run-task"]
    assert options["--task-definition"] == "arn:of:recommender-dev-score-definition"
    assert options["--cluster"] == "arn:of:recommender-dev-cluster"
    assert (network["subnets"], network["securityGroups"]) == (placed["subnets"], placed["securityGroups"])
    assert network["assignPublicIp"] == "ENABLED"
    assert options["--region"] == REGION


@pytest.mark.usefixtures("project")
def test_the_cost_of_a_job_is_found_by_its_tags_however_it_was_started() -> None:
    recorded = program()
    by_schedule = recorded.one(SCHEDULE).inputs["target"]["ecsParameters"]
    by_hand = recorded.exports["batchJobCommands"]["score"]
    tagged = recorded.one("aws:ecs/taskDefinition:TaskDefinition", "-score-definition").inputs["tags"]
    assert (by_schedule["propagateTags"], by_schedule["enableEcsManagedTags"]) == ("TASK_DEFINITION", True)
    assert "--propagate-tags TASK_DEFINITION" in by_hand
    assert by_hand.endswith(" --enable-ecs-managed-tags")
    assert tagged["project"] == "recommender"


def test_a_scheduler_tags_tasks_of_its_cluster_alone() -> None:
    cluster = "arn:aws:ecs:eu-central-1:111122223333:cluster/films"
    text = scheduler_policy(cluster=cluster, definition="arn:definition", roles=[])
    (tag,) = [one for one in json.loads(text)["Statement"] if one["Action"] == ["ecs:TagResource"]]
    assert tag["Resource"] == ["arn:aws:ecs:eu-central-1:111122223333:task/films/*"]


@pytest.mark.usefixtures("project")
def test_without_tasks_nothing_is_made_nor_told() -> None:
    recorded = run_main("dev")
    assert len(recorded.all("aws:ecs/taskDefinition:TaskDefinition")) == 1
    assert "batchJobCommands" not in recorded.exports


@pytest.mark.usefixtures("project")
def test_a_task_may_touch_its_prefixes_and_the_service_none() -> None:
    recorded = program(s3Read=["s3://films/in/"], s3Write=["s3://films/out/"])
    grants = [one for one in recorded.all("aws:iam/rolePolicy:RolePolicy") if one.name.endswith("-task-grants")]
    (grant,) = grants
    assert grant.inputs["role"] == "recommender-dev-score-task-id"
    assert program().all("aws:iam/rolePolicy:RolePolicy") != []
    assert [one for one in program().all("aws:iam/rolePolicy:RolePolicy") if "-task-grants" in one.name] == []


GPU_JOB = json.dumps({**TASK, "gpus": 1, "cpu": 2048, "memoryMib": 8192})
ON_GPUS = {"launchType": "EC2", "instanceType": "g4dn.xlarge", "batchJobs": [GPU_JOB]}


@pytest.mark.usefixtures("project")
def test_a_job_with_gpus_runs_on_the_instances_and_in_their_network() -> None:
    """Which reaches S3 where a task's own interface, which has no public address on EC2, would not."""
    recorded = run_main("dev", config=ON_GPUS)
    made = recorded.one("aws:ecs/taskDefinition:TaskDefinition", "-score-definition").inputs
    assert (made["requiresCompatibilities"], made["networkMode"]) == (["EC2"], "bridge")
    assert definition(recorded)["resourceRequirements"] == [{"type": "GPU", "value": "1"}]
    provider = "recommender-dev-instances-provider"
    placed = recorded.one(SCHEDULE).inputs["target"]["ecsParameters"]
    assert placed["capacityProviderStrategies"] == [{"capacityProvider": provider, "weight": 1}]
    assert not {"launchType", "networkConfiguration"} & set(placed)
    by_hand = recorded.exports["batchJobCommands"]["score"]
    assert f"--capacity-provider-strategy capacityProvider={provider},weight=1" in by_hand
    assert "--network-configuration" not in by_hand
    (serving,) = json.loads(
        recorded.one("aws:ecs/taskDefinition:TaskDefinition", "-dev-definition").inputs["containerDefinitions"]
    )
    assert "resourceRequirements" not in serving


@pytest.mark.usefixtures("project")
def test_a_job_uses_the_existing_roles_and_the_scheduler_may_pass_them() -> None:
    starts, runs = "arn:aws:iam::111122223333:role/starts", "arn:aws:iam::111122223333:role/runs"
    config = {"executionRoleArn": starts, "taskRoleArn": runs, "batchJobs": [json.dumps(TASK)]}
    recorded = run_main("dev", config=config)
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    assert [one["Resource"] for one in policy["Statement"] if one["Action"] == ["iam:PassRole"]] == [[starts, runs]]
    assert [one.name for one in recorded.all("aws:iam/role:Role")] == ["recommender-dev-score-scheduler"]


def test_reading_is_not_writing_and_one_prefix_is_not_another() -> None:
    policy = json.loads(s3_policy("aws", read=["s3://films/in/"], write=["s3://lists/out/"]))
    reach = {action: one["Resource"] for one in policy["Statement"] for action in one["Action"]}
    listings = [one for one in policy["Statement"] if one["Action"] == ["s3:ListBucket"]]
    assert reach["s3:GetObject"] == ["arn:aws:s3:::films/in/*", "arn:aws:s3:::lists/out/*"]
    assert reach["s3:PutObject"] == ["arn:aws:s3:::lists/out/*"]
    assert [(one["Resource"], one["Condition"]) for one in listings] == [
        (["arn:aws:s3:::films"], {"StringLike": {"s3:prefix": ["in/*"]}}),
        (["arn:aws:s3:::lists"], {"StringLike": {"s3:prefix": ["out/*"]}}),
    ]
    assert len({one["Sid"] for one in policy["Statement"]}) == len(policy["Statement"])
    assert not any("Delete" in action or action.endswith("*") for action in reach)


@pytest.mark.parametrize(
    ("change", "message"), [({"memory_mib": 4096}, "512, 1024"), ({"command": ()}, r"command\n.*at least 1 item")]
)
def test_a_task_that_could_not_run_is_refused(change: dict[str, Any], message: str) -> None:
    fine = BatchJob(
        name="score",
        command=("true",),
        schedule="",
        timezone="UTC",
        s3_read=(),
        s3_write=(),
        cpu=256,
        memory_mib=512,
    )
    with pytest.raises(ValueError, match=message):
        replace(fine, **change)


def test_looking_inside_a_task_is_possible_only_when_asked_for() -> None:
    closed, opened = service(), service(replace(SERVICE, enable_execute_command=True))
    assert "enableExecuteCommand" not in closed.one("aws:ecs/service:Service").inputs
    assert container(closed)["readonlyRootFilesystem"] is True
    assert opened.one("aws:ecs/service:Service").inputs["enableExecuteCommand"] is True
    assert container(opened)["readonlyRootFilesystem"] is False
    assert container(opened)["linuxParameters"]["initProcessEnabled"] is True
    grant = opened.one("aws:iam/rolePolicy:RolePolicy", "-task-grants")
    (statement,) = json.loads(grant.inputs["policy"])["Statement"]
    assert grant.inputs["role"] == "films-task-id"
    assert {action.split(":")[0] for action in statement["Action"]} == {"ssmmessages"}
    assert grant.urn in opened.one("aws:ecs/service:Service").depends_on


@pytest.mark.usefixtures("project")
def test_the_scoring_job_of_the_documents_runs_and_writes_where_it_may() -> None:
    text = (DOCUMENTS / "operating.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    (job,) = yaml.safe_load(text)["recommender:batchJobs"]
    recorded = run_main("dev", config={"batchJobs": [job]})
    made = definition(recorded)
    assert [*made["entryPoint"], *made["command"]][:4] == ["python3", "-m", "model_service.batch", "--out"]
    (grant,) = [one for one in recorded.all("aws:iam/rolePolicy:RolePolicy") if one.name.endswith("-task-grants")]
    (reach,) = [one for one in json.loads(grant.inputs["policy"])["Statement"] if "s3:PutObject" in one["Action"]]
    bucket_and_prefix = made["command"][-1].removeprefix("s3://")
    assert fnmatch(f"arn:aws:s3:::{bucket_and_prefix}", reach["Resource"][0])
