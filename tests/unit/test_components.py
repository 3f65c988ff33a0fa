"""Claims about each component, with the arguments that matter to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from infra.container import container_definitions
from infra.endpoint import LoadBalancedEndpoint, LoadBalancedEndpointArgs
from infra.errors import ConfigError, ProgramError
from infra.image import ModelImage, ModelImageArgs
from infra.network import Network, NetworkArgs
from infra.registry import Registry, RegistryArgs
from infra.service import FargateService, FargateServiceArgs
from infra.settings import EndpointSettings, ImageSettings, NetworkSettings, RegistrySettings, ServiceSettings
from infra.tags import tag_everything
from tests.unit.answers import FOREIGN_DIGEST, Aws
from tests.unit.recorder import Recording, run, run_main

ENDPOINT = EndpointSettings(
    allowed_cidrs=("0.0.0.0/0",),
    public_url="",
    deregistration_delay_seconds=30,
    slow_start_seconds=0,
    deletion_protection=False,
)
SERVICE = ServiceSettings(
    cpu=256,
    memory_mib=512,
    desired_count=2,
    max_count=0,
    cpu_target_percent=60,
    health_check_grace_seconds=77,
    container_start_seconds=55,
    environment={"GREETING": "hello"},
    secrets={},
    log_retention_days=30,
)
REGISTRY = RegistrySettings(
    repository_name="films", host="", keep_images=20, kms_key_arn="", pull_accounts=(), force_delete=True
)
NETWORK = NetworkSettings(mode="default", vpc_id="", public_subnet_ids=(), private_subnet_ids=())
GIVEN = NetworkSettings(
    mode="existing", vpc_id="vpc-given", public_subnet_ids=("subnet-1", "subnet-2"), private_subnet_ids=()
)


def image_settings(project: Path, **changes: Any) -> ImageSettings:
    settings = ImageSettings(
        uri="",
        model_version="",
        build_on_preview=False,
        cpu_architecture="X86_64",
        base_image="",
        ca_bundle=None,
        pip_conf=None,
        staging=Path(".build/test/context"),
    )
    return replace(settings, **changes)


def registry(settings: RegistrySettings) -> Recording:
    return run(lambda: Registry("films", RegistryArgs(settings=settings)))


def image(settings: ImageSettings, *, preview: bool = False) -> Recording:
    args = ModelImageArgs(
        context=Path("model_service"),
        repository_url="registry.example/films",
        registry_host="registry.example",
        repository_arn="arn:films",
        settings=settings,
    )

    def program() -> None:
        made = ModelImage("films", args)
        pulumi.export("uri", made.uri)
        pulumi.export("version", made.model_version)
        pulumi.export("environment", dict(made.environment))
        pulumi.export("arns", list(made.repository_arns))

    return run(program, preview=preview)


def network(settings: NetworkSettings, account: Aws) -> Recording:
    def program() -> None:
        made = Network("films", NetworkArgs(settings=settings))
        pulumi.export("vpc", made.vpc_id)
        pulumi.export("public", made.public_subnet_ids)
        pulumi.export("tasks", made.task_subnet_ids)
        pulumi.export("address", made.assign_public_ip)

    return run(program, aws=account)


def endpoint(settings: EndpointSettings, name: str = "films") -> Recording:
    args = LoadBalancedEndpointArgs(vpc_id="vpc-1", subnet_ids=["subnet-1", "subnet-2"], settings=settings)
    return run(lambda: LoadBalancedEndpoint(name, args))


def service(
    settings: ServiceSettings = SERVICE,
    *,
    environment: Mapping[str, pulumi.Input[str]] | None = None,
    repository_arns: Sequence[str] = ("arn:films",),
) -> Recording:
    def program() -> None:
        cluster = aws.ecs.Cluster("stands-for-the-listener")
        args = FargateServiceArgs(
            vpc_id="vpc-1",
            subnet_ids=["subnet-1"],
            assign_public_ip=True,
            load_balancer_security_group_id="sg-balancer",
            target_group_arn="arn:group",
            wait_for=[cluster],
            image_uri="registry.example/films@sha256:1",
            repository_arns=repository_arns,
            environment=environment or {},
            cpu_architecture="X86_64",
            settings=settings,
        )
        FargateService("films", args)

    return run(program)


def container(recorded: Recording) -> dict[str, Any]:
    definitions = json.loads(recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    (only,) = definitions
    return dict(only)


# Registry


def test_tags_are_immutable_and_pushes_scanned() -> None:
    inputs = registry(REGISTRY).one("aws:ecr/repository:Repository").inputs
    assert inputs["imageTagMutability"] == "IMMUTABLE"
    assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert inputs["encryptionConfigurations"] == [{"encryptionType": "AES256"}]


def test_a_key_of_ones_own_encrypts_the_registry() -> None:
    inputs = registry(replace(REGISTRY, kms_key_arn="arn:key")).one("aws:ecr/repository:Repository").inputs
    assert inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": "arn:key"}]


def test_only_named_accounts_may_pull() -> None:
    assert registry(REGISTRY).all("aws:ecr/repositoryPolicy:RepositoryPolicy") == []
    shared = registry(replace(REGISTRY, pull_accounts=("444455556666",)))
    policy = json.loads(shared.one("aws:ecr/repositoryPolicy:RepositoryPolicy").inputs["policy"])
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::444455556666:root"]}
    assert not any("Put" in action or "*" in action for action in statement["Action"])


def test_a_registry_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keep_images is 0; allowed: 1 or more"):
        replace(REGISTRY, keep_images=0)


# Image


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
    built = image(image_settings(project, ca_bundle=bundle, pip_conf=conf)).one("docker-build:index:Image")
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


# Network


def test_the_default_vpc_gives_its_default_subnets_and_tasks_an_address() -> None:
    recorded = network(NETWORK, Aws())
    (filters,) = [asked["filters"] for token, asked in recorded.calls if token.endswith(":getSubnets")]
    assert recorded.exports["vpc"] == "vpc-default"
    assert recorded.exports["tasks"] == recorded.exports["public"] == ["subnet-a", "subnet-b"]
    assert recorded.exports["address"] is True
    assert {item["name"]: item["values"] for item in filters} == {
        "vpc-id": ["vpc-default"],
        "default-for-az": ["true"],
    }


def test_tasks_in_given_private_subnets_get_no_address() -> None:
    settings = replace(GIVEN, private_subnet_ids=("subnet-3", "subnet-4"))
    zones = {"subnet-1": "a", "subnet-2": "b", "subnet-3": "a", "subnet-4": "b"}
    exports = network(settings, Aws(zones=zones)).exports
    assert (exports["public"], exports["tasks"]) == (["subnet-1", "subnet-2"], ["subnet-3", "subnet-4"])
    assert exports["address"] is False


def test_without_private_subnets_tasks_go_to_the_public_ones_with_an_address() -> None:
    exports = network(GIVEN, Aws(zones={"subnet-1": "a", "subnet-2": "b"})).exports
    assert exports["tasks"] == exports["public"]
    assert exports["address"] is True


def test_subnets_in_one_zone_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"publicSubnetIds are all in a; allowed(?s:.*)pulumi config set"):
        network(GIVEN, Aws(zones={"subnet-1": "a", "subnet-2": "a"}))


def test_subnets_of_another_vpc_are_refused() -> None:
    account = Aws(zones={"subnet-1": "a", "subnet-2": "b"}, vpc_of_given_subnets="vpc-other")
    with pytest.raises(ConfigError, match="has subnet-1, subnet-2, not in vpc-given"):
        network(GIVEN, account)


def test_a_new_vpc_keeps_tasks_and_balancer_apart() -> None:
    recorded = network(replace(NETWORK, mode="new"), Aws())
    assert recorded.one("awsx:ec2:Vpc").inputs["numberOfAvailabilityZones"] == 2
    assert set(recorded.exports["tasks"]).isdisjoint(recorded.exports["public"])
    assert recorded.exports["address"] is False


def test_ids_go_with_an_existing_network_alone() -> None:
    with pytest.raises(ValueError, match='go with mode "existing", not "default"'):
        replace(NETWORK, vpc_id="vpc-1")
    with pytest.raises(ValueError, match="needs vpc_id and at least two public_subnet_ids"):
        replace(GIVEN, public_subnet_ids=("subnet-1", "subnet-1"))


# Endpoint


def test_each_allowed_range_gets_a_rule_of_its_own_kind() -> None:
    recorded = endpoint(replace(ENDPOINT, allowed_cidrs=("203.0.113.0/24", "2001:db8::/32")))
    rules = recorded.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    ranges = [(rule.inputs.get("cidrIpv4"), rule.inputs.get("cidrIpv6")) for rule in rules]
    assert sorted(ranges, key=str) == [("203.0.113.0/24", None), (None, "2001:db8::/32")]
    assert {rule.inputs["securityGroupId"] for rule in rules} == {"films-balancer-group-id"}


def test_the_target_group_can_be_replaced_and_knows_a_ready_task() -> None:
    inputs = endpoint(ENDPOINT).one("aws:lb/targetGroup:TargetGroup").inputs
    assert "name" not in inputs
    assert inputs["targetType"] == "ip"
    assert (inputs["healthCheck"]["path"], inputs["healthCheck"]["matcher"]) == ("/ready", "200")


def test_the_balancer_drops_malformed_headers() -> None:
    assert endpoint(ENDPOINT).one("aws:lb/loadBalancer:LoadBalancer").inputs["dropInvalidHeaderFields"] is True


def test_names_with_a_limit_fit_however_long_the_stacks_name() -> None:
    recorded = endpoint(ENDPOINT, name="recommender-" + "x" * 40)
    for type_ in ("aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"):
        assert len(recorded.one(type_).name) + len("-1234567") <= 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slow_start_seconds": 10}, r"slow_start_seconds is 10; allowed: 0 \(off\) or 30 to 900"),
        ({"deregistration_delay_seconds": 3601}, "allowed: 0 to 3600"),
        ({"allowed_cidrs": ()}, "one range or more"),
    ],
)
def test_an_endpoint_that_aws_would_refuse_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ENDPOINT, **change)


# Service


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
    fixed, scaled = service(), service(replace(SERVICE, max_count=5))
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
    assert container(recorded)["healthCheck"]["startPeriod"] == SERVICE.container_start_seconds
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


def test_a_secret_arrives_by_its_arn_and_may_be_read() -> None:
    arn = "arn:aws:ssm:eu-central-1:111122223333:parameter/token"
    recorded = service(replace(SERVICE, secrets={"TOKEN": arn}))
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    assert container(recorded)["secrets"] == [{"name": "TOKEN", "valueFrom": arn}]
    assert [arn] in [statement["Resource"] for statement in policy["Statement"]]


def test_a_secret_among_the_plain_variables_is_refused_by_name() -> None:
    def program() -> None:
        definitions = container_definitions(
            image="films",
            environment={"OPEN": pulumi.Output.from_input("x"), "PASSWORD": pulumi.Output.secret("hunter2")},
            secrets={},
            log_group="logs",
            region="eu-central-1",
            start_seconds=30,
        )
        pulumi.export("definitions", definitions)

    with pytest.raises(ProgramError, match="environment has a secret in PASSWORD") as refusal:
        run(program)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory_mib": 4096}, "Fargate has no task with 256 CPU units and 4096 MiB; with 256: 512, 1024, 2048"),
        ({"max_count": 1}, "max_count is 1; allowed: 0 or at least 2"),
        ({"container_start_seconds": 301}, "allowed: 0 to 300"),
        ({"secrets": {"GREETING": "arn:x"}}, "environment and secrets both name GREETING"),
    ],
)
def test_a_service_that_ecs_would_refuse_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SERVICE, **change)


# Tags


def test_a_resources_own_tag_wins() -> None:
    def program() -> None:
        tag_everything({"stack": "test", "team": "search"})
        aws.ecs.Cluster("films-cluster", tags={"team": "films"})

    tags = run(program).one("aws:ecs/cluster:Cluster").inputs["tags"]
    assert tags == {"stack": "test", "team": "films"}


# Recorder


def test_the_recorder_refuses_a_second_resource_under_one_name() -> None:
    def program() -> None:
        aws.ecs.Cluster("twin")
        aws.ecs.Cluster("twin")

    with pytest.raises(AssertionError, match="registered twice"):
        run(program)
