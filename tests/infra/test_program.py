"""Claims about the whole program, once for every stack and for every way that a user may choose."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra import contract
from infra.errors import ConfigError, ProgramError
from tests.infra.answers import ACCOUNT, DIGEST, FOREIGN_DIGEST, Aws
from tests.infra.conftest import write_artifact
from tests.infra.recorder import Recording, run_main
from tests.infra.service.replacement import replaced

GIVEN_NETWORK = {
    "network": "existing",
    "vpcId": "vpc-given",
    "publicSubnetIds": ["subnet-1", "subnet-2"],
    "privateSubnetIds": ["subnet-3", "subnet-4"],
}
ZONES = {"subnet-1": "a", "subnet-2": "b", "subnet-3": "a", "subnet-4": "b"}
VARIANTS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "local": ("local", {}),
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "built by CodeBuild": ("dev", {"builder": "codebuild"}),
    "image of somebody else": ("dev", {"imageUri": "ghcr.io/films/recommender:1.0"}),
    "given network": ("dev", GIVEN_NETWORK),
    "machines": ("dev", {"launchType": "EC2"}),
    "ports of machines with GPUs": (
        "dev",
        {
            "launchType": "EC2",
            "instanceType": "g4dn.xlarge",
            "networkMode": "bridge",
            "batchJobs": ['{"name": "train", "command": ["true"], "gpus": 1, "cpu": 2048, "memoryMib": 4096}'],
        },
    ),
    "given cluster and roles": (
        "dev",
        {
            "clusterArn": "arn:aws:ecs:eu-central-1:111122223333:cluster/ours",
            "executionRoleArn": "arn:aws:iam::111122223333:role/starts",
            "taskRoleArn": "arn:aws:iam::111122223333:role/runs",
        },
    ),
    "arm on spot by day": (
        "dev",
        {"cpuArchitecture": "ARM64", "spotPercent": 70, "workingHours": "MON-FRI 07:00-20:00 Europe/Berlin"},
    ),
    "everything": (
        "prod",
        {
            "alarmEmail": "team@example.com",
            "monthlyBudgetUsd": 75,
            "budgetEmail": "team@example.com",
            "vpcEndpoints": True,
            "natGateways": "none",
            "domain": "films.example.com",
            "rootPath": "/recommender",
            "corsOrigins": ["https://films.example.com"],
            "accessLogDays": 90,
            "wafRateLimit": 2000,
            "createPushPolicy": True,
            "enableExecuteCommand": True,
            "memoryTargetPercent": 70,
            "requestsPerTarget": 500,
            "scheduledMinimums": ['{"name": "morning", "schedule": "cron(0 7 ? * MON-FRI *)", "minCount": 4}'],
            "batchJobs": [
                '{"name": "score", "command": ["true"], "schedule": "rate(1 day)", "s3Read": ["s3://films/in/"]}'
            ],
            "registryPullAccounts": ["444455556666"],
            "registryKmsKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "allowedCidrs": ["203.0.113.0/24", "2001:db8::/32"],
            "environment": ["GREETING=hello"],
            "secrets": ["TOKEN=arn:aws:secretsmanager:eu-central-1:111122223333:secret:token-AbCdEf"],
            "secretsKmsKeyArns": ["arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
            "tags": ["team=search"],
        },
    ),
}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest, project: Path) -> Recording:
    stack, config = VARIANTS[request.param]
    return run_main(stack, config=config, aws=Aws(zones=ZONES, hosted_zones={"example.com": "ZEXAMPLE"}))


@pytest.fixture
def dev(project: Path) -> Recording:
    return run_main("dev")


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(nulls(item) for item in value.values())
    return value is None or (isinstance(value, list) and any(nulls(item) for item in value))


def test_every_resource_has_a_component_as_parent(variant: Recording) -> None:
    components = {resource.urn for resource in variant if resource.type.startswith("recommender:infra:")}
    orphans = [r.name for r in variant if r.urn not in components and _short(r.parent) not in map(_short, components)]
    assert components
    assert orphans == []


def _short(urn: str) -> str:
    """Type and name, without the types above, which the mock monitor spells in two ways."""
    types, name = urn.split("::")[2:]
    return f"{types.split('$')[-1]}::{name}"


def test_every_child_begins_with_its_components_name(variant: Recording) -> None:
    children = [resource for resource in variant if not resource.type.startswith("recommender:infra:")]
    assert [c.name for c in children if not c.name.startswith(f"{c.parent.split('::')[-1]}-")] == []


def test_no_input_holds_a_null_or_the_text_of_an_output(variant: Recording) -> None:
    for resource in variant:
        assert not nulls(resource.inputs), resource.name
        for text in texts(dict(resource.inputs)):
            assert "__str__" not in text, resource.name
            assert "null" not in text, resource.name


def test_every_component_registers_outputs(variant: Recording) -> None:
    components = {resource.urn for resource in variant if resource.type.startswith("recommender:infra:")}
    assert {_short(urn) for urn, outputs in variant.component_outputs.items() if outputs} >= {
        _short(urn) for urn in components
    }


BOUNDARY = "arn:aws:iam::111122223333:policy/boundary-recommender"


@pytest.mark.parametrize("variant", ["dev", "machines", "everything"])
@pytest.mark.usefixtures("project")
def test_every_role_has_the_boundary_that_is_set_and_none_without_one(variant: str) -> None:
    stack, config = VARIANTS[variant]
    aws = Aws(zones=ZONES, hosted_zones={"example.com": "ZEXAMPLE"})
    bounded = run_main(stack, config={**config, "permissionsBoundary": BOUNDARY}, aws=aws).all("aws:iam/role:Role")
    assert bounded
    assert {role.inputs.get("permissionsBoundary") for role in bounded} == {BOUNDARY}
    free = run_main(stack, config=config, aws=aws).all("aws:iam/role:Role")
    assert {role.inputs.get("permissionsBoundary") for role in free} == {None}


@pytest.mark.usefixtures("project")
def test_a_boundary_that_is_no_managed_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"permissionsBoundary.*allowed: the ARN of a managed policy"):
        run_main("dev", config={"permissionsBoundary": "arn:aws:iam::111122223333:role/admin"})


@pytest.mark.usefixtures("project")
def test_an_older_cli_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_engine: object, request: Any) -> None:
        raise RuntimeError(f"required: {request.pulumi_version_range}")

    monkeypatch.setattr("mock_runtime.run._any_version", refuse)
    with pytest.raises(RuntimeError, match=r"required: >=3\.219\.0"):
        run_main("dev")


UNTAGGABLE = {
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:appautoscaling/policy:Policy",
    "aws:appautoscaling/scheduledAction:ScheduledAction",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:route53/record:Record",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:scheduler/schedule:Schedule",
    "aws:wafv2/webAclAssociation:WebAclAssociation",
}


def test_everything_that_can_be_tagged_says_whose_it_is(variant: Recording) -> None:
    on_aws = [resource for resource in variant if resource.type.startswith(("aws:", "awsx:"))]
    for resource in on_aws:
        tags = resource.inputs.get("tags", {})
        if resource.type == "aws:autoscaling/group:Group":
            assert all(tag["propagateAtLaunch"] for tag in tags)
            tags = {tag["key"]: tag["value"] for tag in tags}
        tagged = tags.get("project") == "recommender" and tags.get("managed-by") == "pulumi" and "stack" in tags
        assert tagged == (resource.type not in UNTAGGABLE), resource.name


def test_only_the_registrys_password_is_secret(variant: Recording) -> None:
    secret = {(resource.type, key) for resource in variant for key in resource.secret_inputs}
    assert secret <= {("docker-build:index:Image", "registries")}


UNSCOPED = (
    ["ecr:GetAuthorizationToken"],
    [f"ssmmessages:{verb}{channel}" for verb in ("Create", "Open") for channel in ("ControlChannel", "DataChannel")],
)
"""Actions that have no resource: the login to ECR, and ECS Exec's channels."""


def test_policies_allow_no_wildcard_but_where_there_is_no_resource(variant: Recording) -> None:
    for policy in [*variant.all("aws:iam/rolePolicy:RolePolicy"), *variant.all("aws:iam/policy:Policy")]:
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            assert not any("*" in action for action in statement["Action"])
            if "*" in statement["Resource"]:
                assert statement["Action"] in UNSCOPED


def test_the_program_makes_these_resources_and_no_others(dev: Recording) -> None:
    assert dev.census() == Counter(
        {
            "recommender:infra:Registry": 1,
            "recommender:infra:ModelImage": 1,
            "recommender:infra:Network": 1,
            "recommender:infra:LoadBalancedEndpoint": 1,
            "recommender:infra:FargateService": 1,
            "recommender:infra:BatchTasks": 1,
            "aws:ecr/repository:Repository": 1,
            "aws:ecr/lifecyclePolicy:LifecyclePolicy": 1,
            "docker-build:index:Image": 1,
            "aws:ec2/securityGroup:SecurityGroup": 2,
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 2,
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": 2,
            "aws:lb/loadBalancer:LoadBalancer": 1,
            "aws:lb/targetGroup:TargetGroup": 1,
            "aws:lb/listener:Listener": 1,
            "aws:cloudwatch/logGroup:LogGroup": 1,
            "aws:iam/role:Role": 2,
            "aws:iam/rolePolicy:RolePolicy": 1,
            "aws:appautoscaling/target:Target": 1,
            "aws:ecs/cluster:Cluster": 1,
            "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": 1,
            "aws:ecs/taskDefinition:TaskDefinition": 1,
            "aws:ecs/service:Service": 1,
        }
    )


def test_local_differs_from_dev_by_what_the_emulated_aws_lacks_alone(project: Path) -> None:
    assert run_main("dev").census() - run_main("local").census() == {"aws:appautoscaling/target:Target": 1}
    assert run_main("local").census() - run_main("dev").census() == {}


def test_security_groups_of_every_stack_are_described_alike(project: Path) -> None:
    """A changed description would replace the group, and whatever is in it."""
    described = [
        {group.inputs["description"] for group in run_main(stack).all("aws:ec2/securityGroup:SecurityGroup")}
        for stack in ("dev", "prod")
    ]
    assert described[0] == described[1]
    assert len(described[0]) == 2


def test_requests_go_from_listener_to_target_group_to_service(dev: Recording) -> None:
    listener, group = dev.one("aws:lb/listener:Listener"), dev.one("aws:lb/targetGroup:TargetGroup")
    (action,) = listener.inputs["defaultActions"]
    (registration,) = dev.one("aws:ecs/service:Service").inputs["loadBalancers"]
    assert listener.inputs["loadBalancerArn"] == f"arn:of:{dev.one('aws:lb/loadBalancer:LoadBalancer').name}"
    assert action == {"type": "forward", "targetGroupArn": f"arn:of:{group.name}"}
    assert registration["targetGroupArn"] == f"arn:of:{group.name}"


def test_the_image_that_runs_never_expires_and_the_one_before_not_until_it_runs(dev: Recording) -> None:
    policy = dev.one("aws:ecr/lifecyclePolicy:LifecyclePolicy")
    first = json.loads(policy.inputs["policy"])["rules"][0]
    assert first["selection"]["tagPatternList"] == [dev.exports["imageTag"]]
    assert dev.one("aws:ecs/service:Service").urn in policy.depends_on


def test_the_service_waits_for_the_listener(dev: Recording) -> None:
    assert dev.one("aws:lb/listener:Listener").urn in dev.one("aws:ecs/service:Service").depends_on


def test_balancer_service_and_container_agree_on_name_and_port(dev: Recording) -> None:
    (container,) = json.loads(dev.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    (registration,) = dev.one("aws:ecs/service:Service").inputs["loadBalancers"]
    (mapping,) = container["portMappings"]
    rule = dev.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "tasks-from-balancer").inputs
    told = {variable["name"]: variable["value"] for variable in container["environment"]}
    ports = {
        mapping["containerPort"],
        mapping["hostPort"],
        registration["containerPort"],
        dev.one("aws:lb/targetGroup:TargetGroup").inputs["port"],
        rule["fromPort"],
        rule["toPort"],
        int(told["PORT"]),
    }
    assert len(ports) == 1
    assert registration["containerName"] == container["name"]


@pytest.mark.usefixtures("project")
def test_another_network_mode_is_another_target_group_and_the_old_one_goes_last() -> None:
    before, after = (
        run_main("dev", config={"launchType": "EC2", "networkMode": mode}) for mode in ("awsvpc", "bridge")
    )
    groups = [recorded.one("aws:lb/targetGroup:TargetGroup").inputs for recorded in (before, after)]
    assert [group["targetType"] for group in groups] == ["ip", "instance"]
    order = replaced(before, after)
    first = {name.removeprefix("recommender-dev-") for name, which in order.items() if which == "new first"}
    assert first == {"tg", "definition", "service"}
    assert "name" not in groups[1]


def test_tasks_run_the_image_by_digest(dev: Recording) -> None:
    (container,) = json.loads(dev.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    url = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/recommender-dev"
    assert container["image"] == f"{url}@{DIGEST}"
    assert dev.exports["imageUri"] == container["image"]


def test_the_exports_say_where_and_what_it_is(dev: Recording) -> None:
    assert dev.exports["url"] == "http://recommender-dev-lb.elb.example"
    assert dev.exports["imageDigest"] == DIGEST
    assert dev.exports["imageTag"].startswith(f"{dev.exports['modelVersion']}-")
    assert (dev.exports["clusterName"], dev.exports["serviceName"]) == (
        "recommender-dev-cluster",
        "recommender-dev-service",
    )


def test_what_was_not_asked_for_is_not_told_of(project: Path) -> None:
    assert "pushPolicyArn" not in run_main("dev").exports
    assert (
        run_main("dev", config={"createPushPolicy": True}).exports["pushPolicyArn"] == "arn:of:recommender-dev-pusher"
    )


def test_local_hands_out_the_url_and_registry_of_this_machine(project: Path) -> None:
    exports = run_main("local").exports
    assert exports["url"] == "http://localhost:8080"
    assert exports["imageUri"] == f"localhost:4566/recommender-local@{DIGEST}"


def test_a_foreign_image_needs_neither_docker_nor_a_trained_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded = run_main("dev", config={"imageUri": "ghcr.io/films/recommender:1.0"})
    assert recorded.all("docker-build:index:Image") == []
    assert recorded.one("pulumi:providers:docker").inputs["disableDockerDaemonCheck"] == "true"
    assert recorded.exports["imageUri"] == f"ghcr.io/films/recommender@{FOREIGN_DIGEST}"
    assert recorded.exports["modelVersion"] == "unknown"
    assert list(tmp_path.iterdir()) == []


def test_a_preview_knows_the_tag_before_anything_exists(project: Path) -> None:
    preview = run_main("dev", preview=True)
    url = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/recommender-dev"
    assert preview.one("docker-build:index:Image").inputs["tags"] == [f"{url}:{preview.exports['imageTag']}"]
    assert preview.exports["repositoryUrl"] == url
    assert "imageDigest" not in preview.exports
    assert "imageDigest" in run_main("dev").exports


def test_another_model_means_another_tag_and_version(project: Path) -> None:
    before = run_main("dev").exports
    write_artifact(project / "model_service" / "artifact", b"other weights")
    after = run_main("dev").exports
    assert after["modelVersion"] != before["modelVersion"]
    assert after["imageTag"] != before["imageTag"]


def test_running_twice_registers_the_same(project: Path) -> None:
    first, second = run_main("prod"), run_main("prod")
    assert {r.urn: r.inputs for r in first} == {r.urn: r.inputs for r in second}


def test_without_a_model_it_stops_and_says_how_to_train_one(project: Path) -> None:
    (project / "model_service" / "artifact" / "model.safetensors").write_bytes(b"flipped")
    with pytest.raises(ProgramError, match=r"model_service/artifact(?s:.*)To fix it: make train"):
        run_main("dev")


def test_without_a_default_vpc_it_stops_and_says_what_to_choose(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"no default VPC(?s:.*)pulumi config set network new"):
        run_main("dev", aws=Aws(has_default_vpc=False))


def test_a_default_vpc_with_one_subnet_is_refused(project: Path) -> None:
    with pytest.raises(ConfigError, match="1 availability zone"):
        run_main("dev", aws=Aws(default_subnets=["subnet-a"]))


def test_production_cannot_be_destroyed_by_mistake(project: Path) -> None:
    for stack, guarded in (("prod", True), ("dev", False)):
        recorded = run_main(stack)
        load_balancer = recorded.one("aws:lb/loadBalancer:LoadBalancer")
        assert load_balancer.inputs["enableDeletionProtection"] is guarded
        assert recorded.one("aws:ecr/repository:Repository").inputs["forceDelete"] is not guarded


def test_an_arm_image_runs_on_arm_tasks(project: Path) -> None:
    recorded = run_main("dev", config={"cpuArchitecture": "ARM64"})
    platform = recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs["runtimePlatform"]
    assert recorded.one("docker-build:index:Image").inputs["platforms"] == ["linux/arm64"]
    assert platform["cpuArchitecture"] == "ARM64"


def test_the_image_and_the_infrastructure_agree(project: Path) -> None:
    dockerfile = (project / "model_service" / "Dockerfile").read_text(encoding="utf-8")
    (health,) = re.findall(r"CMD (\[.*healthcheck.*\])", dockerfile)
    assert json.loads(health) == list(contract.HEALTH_COMMAND)[1:]
    assert f"USER {contract.CONTAINER_USER}" in dockerfile
    assert f"EXPOSE {contract.CONTAINER_PORT}" in dockerfile
    assert f"COPY {contract.ARTIFACT_FOLDER} " in dockerfile
    for argument in ("PYTHON_IMAGE", "MODEL_VERSION"):
        assert f"ARG {argument}=" in dockerfile
