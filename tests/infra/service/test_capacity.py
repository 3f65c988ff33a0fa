"""Claims about what tasks run on."""

import base64
from typing import Any

import pytest

from tests.infra.recorder import Recording
from tests.infra.service.replacement import replaced
from tests.infra.service.test_fargate_service import SERVICE, container, service
from tests.infra.settings import replace

SERVICE_TYPE = "aws:ecs/service:Service"
CLUSTER_CAPACITY = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"


def on(**change: Any) -> Recording:
    return service(replace(SERVICE, **change))


@pytest.mark.parametrize("change", [{}, {"spot_percent": 30}, {"spot_percent": 100}, {"launch_type": "EC2"}])
def test_a_service_names_strategies_that_may_change_and_never_a_launch_type(change: dict[str, Any]) -> None:
    inputs = on(**change).one(SERVICE_TYPE).inputs
    assert "launchType" not in inputs
    assert inputs["capacityProviderStrategies"]
    assert inputs["forceNewDeployment"] is True


@pytest.mark.parametrize("change", [{}, {"spot_percent": 30}, {"spot_percent": 100}, {"launch_type": "EC2"}])
def test_a_cluster_keeps_both_fargate_providers_whatever_the_service_uses(change: dict[str, Any]) -> None:
    assert on(**change).one(CLUSTER_CAPACITY).inputs["capacityProviders"][:2] == ["FARGATE", "FARGATE_SPOT"]


def test_plain_fargate_is_all_on_demand() -> None:
    (alone,) = on().one(SERVICE_TYPE).inputs["capacityProviderStrategies"]
    assert alone["capacityProvider"] == "FARGATE"


@pytest.mark.parametrize(("one", "other"), [(0, 30), (30, 100), (100, 0)])
def test_another_share_of_spot_replaces_nothing(one: int, other: int) -> None:
    assert replaced(on(spot_percent=one), on(spot_percent=other)) == {}


@pytest.mark.parametrize(("one", "other"), [("FARGATE", "EC2"), ("EC2", "FARGATE")])
def test_another_launch_type_is_a_new_cluster_and_service_before_the_old_ones_go(one: str, other: str) -> None:
    """A provider that a service uses can neither be taken off its cluster nor deleted."""
    before, after = on(launch_type=one), on(launch_type=other)
    order = dict(replaced(before, after))
    assert order.pop("films-scaling") == "old first"  # it is no capacity, and leaves the old service's count alone
    assert order == dict.fromkeys(["films-cluster", "films-definition", "films-capacity", "films-service"], "new first")
    offered = before.one(CLUSTER_CAPACITY)
    assert offered.urn in before.one(SERVICE_TYPE).depends_on


def test_another_architecture_is_another_revision_in_the_same_service() -> None:
    arm = service(replace(SERVICE), cpu_architecture="ARM64")
    assert replaced(on(), arm) == {"films-definition": "new first"}


def test_zones_are_kept_in_balance_in_so_many_words() -> None:
    inputs = on().one(SERVICE_TYPE).inputs
    assert inputs["availabilityZoneRebalancing"] == "ENABLED"
    assert inputs["deploymentMaximumPercent"] > 100


def test_spot_has_its_share_and_one_task_stays_off_it() -> None:
    strategies = on(spot_percent=30).one(SERVICE_TYPE).inputs["capacityProviderStrategies"]
    assert {one["capacityProvider"]: (one["weight"], one.get("base")) for one in strategies} == {
        "FARGATE": (70, 1),
        "FARGATE_SPOT": (30, None),
    }
    (alone,) = on(spot_percent=100).one(SERVICE_TYPE).inputs["capacityProviderStrategies"]
    assert alone["capacityProvider"] == "FARGATE_SPOT"


@pytest.mark.parametrize("change", [{"spot_percent": 30}, {"launch_type": "EC2"}])
def test_the_service_goes_before_the_capacity_that_it_uses(change: dict[str, Any]) -> None:
    recorded = on(**change)
    offered = recorded.one(CLUSTER_CAPACITY)
    used = [one["capacityProvider"] for one in recorded.one(SERVICE_TYPE).inputs["capacityProviderStrategies"]]
    assert offered.urn in recorded.one(SERVICE_TYPE).depends_on
    assert set(used) <= set(offered.inputs["capacityProviders"])
    assert offered.inputs["clusterName"] == recorded.one("aws:ecs/cluster:Cluster", "-cluster").name


def test_ecs_sizes_the_machines_and_takes_away_none_that_works() -> None:
    recorded = on(launch_type="EC2", max_instances=7)
    group = recorded.one("aws:autoscaling/group:Group").inputs
    provider = recorded.one("aws:ecs/capacityProvider:CapacityProvider").inputs["autoScalingGroupProvider"]
    assert provider["autoScalingGroupArn"] == "arn:of:films-instances"
    assert provider["managedScaling"]["status"] == "ENABLED"
    assert provider["managedTerminationProtection"] == "ENABLED"
    assert (group["protectFromScaleIn"], group["forceDelete"]) == (True, True)
    assert (group["minSize"], group["maxSize"]) == (0, 7)
    assert recorded.one("aws:autoscaling/group:Group").ignore_changes == ("desiredCapacity",)


def test_a_machine_joins_the_cluster_and_lets_nobody_in() -> None:
    recorded = on(launch_type="EC2")
    template = recorded.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    script = base64.b64decode(template["userData"]).decode()
    (network,) = template["networkInterfaces"]
    assert "ECS_CLUSTER=films-cluster >> /etc/ecs/ecs.config" in script
    assert "ECS_AWSVPC_BLOCK_IMDS=true" in script
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"
    assert network["securityGroups"] == ["films-instances-group-id"]
    for rule in recorded.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        assert rule.inputs["securityGroupId"] != "films-instances-group-id"


def test_tasks_on_machines_are_defined_for_them_and_have_no_address_of_their_own() -> None:
    for launch_type, address in (("EC2", False), ("FARGATE", True)):
        recorded = on(launch_type=launch_type)
        definition = recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs
        assert definition["requiresCompatibilities"] == [launch_type]
        assert definition["networkMode"] == "awsvpc"
        assert recorded.one(SERVICE_TYPE).inputs["networkConfiguration"]["assignPublicIp"] is address


def test_on_ports_of_an_instance_a_task_has_no_interface_and_any_free_port() -> None:
    recorded = on(launch_type="EC2", network_mode="bridge")
    definition = recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    (mapping,) = container(recorded)["portMappings"]
    assert definition["networkMode"] == "bridge"
    assert (mapping["containerPort"], mapping["hostPort"]) == (8080, 0)
    assert "networkConfiguration" not in recorded.one(SERVICE_TYPE).inputs


def test_the_balancer_alone_reaches_the_ports_that_docker_gives_out() -> None:
    recorded = on(launch_type="EC2", network_mode="bridge")
    (into,) = recorded.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    (out,) = [
        rule.inputs
        for rule in recorded.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if rule.inputs["securityGroupId"] == "sg-balancer"
    ]
    assert into.inputs["securityGroupId"] == out["referencedSecurityGroupId"] == "films-instances-group-id"
    assert into.inputs["referencedSecurityGroupId"] == "sg-balancer"
    for rule in (into.inputs, out):
        assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 32768, 65535)
    assert into.urn in recorded.one(SERVICE_TYPE).depends_on


@pytest.mark.parametrize(("one", "other"), [("awsvpc", "bridge"), ("bridge", "awsvpc")])
def test_another_network_mode_is_a_new_service_whose_rules_do_not_touch_those_of_the_old_one(
    one: str, other: str
) -> None:
    before, after = (on(launch_type="EC2", network_mode=mode) for mode in (one, other))
    order = dict(replaced(before, after))
    assert order.pop("films-scaling") == "old first"
    assert order == dict.fromkeys(["films-definition", "films-service"], "new first")
    assert not {rule.name for rule in before if "from-balancer" in rule.name} & {rule.name for rule in after}


def test_an_instance_with_gpus_has_the_driver_and_a_task_reserves_what_it_asks_for() -> None:
    image = {
        kind: on(launch_type="EC2", instance_type=kind).one("aws:ec2/launchTemplate:LaunchTemplate").inputs["imageId"]
        for kind in ("t3.medium", "g4dn.xlarge", "p5.48xlarge")
    }
    assert "/gpu/" not in image["t3.medium"]
    assert "/amazon-linux-2023/gpu/" in image["g4dn.xlarge"]
    assert image["p5.48xlarge"] == image["g4dn.xlarge"]
    reserving = container(on(launch_type="EC2", instance_type="g4dn.xlarge", gpus=1))
    assert reserving["resourceRequirements"] == [{"type": "GPU", "value": "1"}]
    assert "resourceRequirements" not in container(on(launch_type="EC2", instance_type="g4dn.xlarge"))


def test_an_existing_cluster_is_used_and_left_as_it_is() -> None:
    recorded = on(cluster_arn="arn:aws:ecs:eu-central-1:111122223333:cluster/ours", max_count=4)
    assert [one.name for one in recorded.all("aws:ecs/cluster:Cluster")] == ["stands-for-the-listener"]
    assert recorded.all(CLUSTER_CAPACITY) == []
    made = recorded.one(SERVICE_TYPE).inputs
    assert made["cluster"] == "arn:aws:ecs:eu-central-1:111122223333:cluster/ours"
    assert [one["capacityProvider"] for one in made["capacityProviderStrategies"]] == ["FARGATE"]
    scaled = recorded.one("aws:appautoscaling/target:Target").inputs
    assert scaled["resourceId"] == "service/ours/films-service"


def test_a_type_that_is_not_in_the_table_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    on(launch_type="EC2", instance_type="c7i.48xlarge")
    assert "How many tasks fit on an instance of type c7i.48xlarge is not known" in caplog.text
    caplog.clear()
    on(launch_type="EC2")
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spot_percent": 101}, r"spot_percent\n  Input should be less than or equal to 100"),
        ({"launch_type": "EC2", "spot_percent": 1}, "with launchType EC2; allowed with FARGATE"),
        ({"max_instances": 0}, r"max_instances\n  Input should be greater than or equal to 1"),
    ],
)
def test_capacity_that_ecs_would_refuse_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SERVICE, **change)
