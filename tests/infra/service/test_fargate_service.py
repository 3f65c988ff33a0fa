"""Claims about the service and its tasks."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from infra.args import Subnets, Target
from infra.config.service import ServiceSettings
from infra.contract import CONTAINER_ARGS
from infra.errors import ProgramError
from infra.service.container import Container, batch_container_definitions
from infra.service.fargate_service import FargateService, FargateServiceArgs
from tests.infra.recorder import Recording, run
from tests.infra.settings import replace

SERVICE = ServiceSettings(
    health_check_grace_seconds=77,
    health_check_start_period_seconds=55,
    environment={"GREETING": "hello"},
)


def service(
    settings: ServiceSettings = SERVICE,
    *,
    environment: Mapping[str, pulumi.Input[str]] | None = None,
    repository_arns: Sequence[str] = ("arn:films",),
    **changes: Any,
) -> Recording:
    def program() -> None:
        cluster = aws.ecs.Cluster("stands-for-the-listener")
        target = Target(
            target_group_arn="arn:group",
            security_group_id="sg-balancer",
            listener=cluster,
            request_label="app/films/1/targetgroup/films/2",
        )
        args = FargateServiceArgs(
            **settings.args(environment={**settings.environment, **(environment or {})}),
            **{**CONTAINER_ARGS, "cpu_architecture": "X86_64", **changes},
            subnets=Subnets(vpc_id="vpc-1", ids=["subnet-1"], assign_public_ip=True),
            target=target,
            image_uri="registry.example/films@sha256:1",
            repository_arns=repository_arns,
        )
        FargateService("films", args)

    return run(program)


def container(recorded: Recording) -> dict[str, Any]:
    definitions = json.loads(recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    (only,) = definitions
    return dict(only)


def test_no_task_is_reachable_but_through_the_load_balancer() -> None:
    recorded = service()
    (rule,) = recorded.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rule.inputs["securityGroupId"] == "films-tasks-group-id"
    assert rule.inputs["referencedSecurityGroupId"] == "sg-balancer"
    assert not {"cidrIpv4", "cidrIpv6", "prefixListId"} & set(rule.inputs)
    assert recorded.one("aws:ecs/service:Service").inputs["networkConfiguration"]["securityGroups"] == [
        "films-tasks-group-id"
    ]


def test_tasks_get_out_to_https_alone() -> None:
    rules = service().all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    out = [rule.inputs for rule in rules if rule.inputs["securityGroupId"] == "films-tasks-group-id"]
    assert [(rule["ipProtocol"], rule["fromPort"], rule["toPort"]) for rule in out] == [("tcp", 443, 443)]


def test_groups_hold_no_rules_of_their_own() -> None:
    for group in service().all("aws:ec2/securityGroup:SecurityGroup"):
        assert not {"ingress", "egress"} & set(group.inputs)


def test_a_broken_deployment_is_rolled_back_and_waited_for() -> None:
    made = service().one("aws:ecs/service:Service")
    assert made.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert made.inputs["deploymentMinimumHealthyPercent"] == 100
    assert made.inputs["waitForSteadyState"] is True
    assert "sigintRollback" not in made.inputs
    assert all(made.timeouts.values())


def test_the_service_comes_after_and_goes_before_listener_grants_and_rules() -> None:
    recorded = service()
    needed = {
        recorded.one("aws:ecs/cluster:Cluster", "listener").urn,
        recorded.one("aws:iam/rolePolicy:RolePolicy").urn,
        recorded.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").urn,
        *(rule.urn for rule in recorded.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")),
    }
    assert needed <= recorded.one("aws:ecs/service:Service").depends_on


def test_the_number_of_tasks_is_autoscalings_business_only_when_it_is_on() -> None:
    fixed, scaled = service(scalable_target=False), service(replace(SERVICE, max_count=5), scalable_target=False)
    target = scaled.one("aws:appautoscaling/target:Target").inputs
    assert fixed.one("aws:ecs/service:Service").ignore_changes == ()
    assert fixed.all("aws:appautoscaling/target:Target") == []
    assert scaled.one("aws:ecs/service:Service").ignore_changes == ("desiredCount",)
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 5)
    assert target["resourceId"] == "service/films-cluster/films-service"


def test_a_rollback_finds_the_revision_before() -> None:
    inputs = service().one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert inputs["skipDestroy"] is True
    assert inputs["family"] == "films"


def test_the_same_container_is_the_same_text_in_any_order() -> None:
    one = service(environment={"A": "1", "B": "2"})
    other = service(environment={"B": "2", "A": "1"})
    assert container(one)["environment"] == sorted(container(one)["environment"], key=lambda item: item["name"])
    type_ = "aws:ecs/taskDefinition:TaskDefinition"
    assert one.one(type_).inputs["containerDefinitions"] == other.one(type_).inputs["containerDefinitions"]


def test_the_container_may_write_nothing_and_be_nobody() -> None:
    made = container(service())
    assert made["readonlyRootFilesystem"] is True
    assert not made["user"].startswith(("0", "root"))
    assert made["linuxParameters"]["capabilities"]["drop"] == ["ALL"]


def test_the_time_to_start_is_granted_twice_over() -> None:
    recorded = service()
    assert container(recorded)["healthCheck"]["startPeriod"] == SERVICE.health_check_start_period_seconds
    assert (
        recorded.one("aws:ecs/service:Service").inputs["healthCheckGracePeriodSeconds"]
        == SERVICE.health_check_grace_seconds
    )


def test_logs_go_to_a_group_that_forgets() -> None:
    recorded = service()
    group = recorded.one("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["retentionInDays"] == 30
    assert container(recorded)["logConfiguration"]["options"]["awslogs-group"] == group.name


def test_the_task_itself_may_do_nothing_on_aws() -> None:
    recorded = service()
    task = recorded.one("aws:iam/role:Role", "-task")
    assert [policy.inputs["role"] for policy in recorded.all("aws:iam/rolePolicy:RolePolicy")] == ["films-execution-id"]
    assert not {"inlinePolicies", "managedPolicyArns"} & set(task.inputs)
    assert recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs["taskRoleArn"] == f"arn:of:{task.name}"


def test_existing_roles_are_used_and_left_as_they_are() -> None:
    roles = {
        "execution_role_arn": "arn:aws:iam::111122223333:role/starts",
        "task_role_arn": "arn:aws:iam::111122223333:role/runs",
    }
    recorded = service(replace(SERVICE, enable_execute_command=True, **roles))
    definition = recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert definition["executionRoleArn"] == roles["execution_role_arn"]
    assert definition["taskRoleArn"] == roles["task_role_arn"]
    assert recorded.all("aws:iam/role:Role") == []
    assert recorded.all("aws:iam/rolePolicy:RolePolicy") == []


def test_a_secret_arrives_by_its_arn_and_may_be_read() -> None:
    arn = "arn:aws:ssm:eu-central-1:111122223333:parameter/token"
    recorded = service(replace(SERVICE, secrets={"TOKEN": arn}))
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    assert container(recorded)["secrets"] == [{"name": "TOKEN", "valueFrom": arn}]
    assert [arn] in [statement["Resource"] for statement in policy["Statement"]]


def test_a_secret_under_a_key_of_ones_own_is_decrypted_by_its_service_alone() -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/1234"
    arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:token-AbCdEf"
    recorded = service(replace(SERVICE, secrets={"TOKEN": arn}, secrets_kms_key_arns=(key,)))
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    (decrypt,) = [one for one in policy["Statement"] if one["Action"] == ["kms:Decrypt"]]
    assert decrypt["Resource"] == [key]
    assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": ["secretsmanager.eu-central-1.amazonaws.com"]}}


def test_a_secret_among_the_plain_variables_is_refused_by_name() -> None:
    def program() -> None:
        definitions = batch_container_definitions(
            Container(
                name="films",
                image="films",
                user="",
                environment={"OPEN": pulumi.Output.from_input("x"), "PASSWORD": pulumi.Output.secret("hunter2")},
                secrets={},
            ),
            ["true"],
            log_group="logs",
            region="eu-central-1",
        )
        pulumi.export("definitions", definitions)

    with pytest.raises(ProgramError, match="environment has a secret in PASSWORD") as refusal:
        run(program)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory_mib": 4096}, "Fargate has no task with 256 CPU units and 4096 MiB; with 256: 512, 1024, 2048"),
        ({"max_count": 1}, r'maxCount is "1"; allowed: 0 \(no autoscaling\) or at least desiredCount, 2'),
        (
            {"health_check_start_period_seconds": 301},
            r"health_check_start_period_seconds\n  Input should be less than or equal to 300",
        ),
        (
            {"secrets": {"GREETING": "arn:aws:ssm:eu-central-1:111122223333:parameter/token"}},
            "names GREETING, which environment names too",
        ),
    ],
)
def test_a_service_that_ecs_would_refuse_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SERVICE, **change)
