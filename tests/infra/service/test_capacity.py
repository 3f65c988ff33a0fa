"""Claims about what tasks run on."""

import base64
from typing import Any

import pytest

from tests.infra.recorder import Recording
from tests.infra.service.test_fargate_service import SERVICE, service
from tests.infra.settings import replace

SERVICE_TYPE = "aws:ecs/service:Service"
CLUSTER_CAPACITY = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"


def on(**change: Any) -> Recording:
    return service(replace(SERVICE, **change))


@pytest.mark.parametrize("change", [{}, {"spot_percent": 30}, {"spot_percent": 100}, {"launch_type": "EC2"}])
def test_a_service_names_a_launch_type_or_strategies_and_never_both(change: dict[str, Any]) -> None:
    inputs = on(**change).one(SERVICE_TYPE).inputs
    assert ("launchType" in inputs) != ("capacityProviderStrategies" in inputs)
    assert ("forceNewDeployment" in inputs) == ("capacityProviderStrategies" in inputs)


def test_plain_fargate_adds_nothing() -> None:
    recorded = on()
    assert recorded.one(SERVICE_TYPE).inputs["launchType"] == "FARGATE"
    assert recorded.all(CLUSTER_CAPACITY) == []


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
    assert offered.inputs["capacityProviders"] == used
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
