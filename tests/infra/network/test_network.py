"""Claims about the network."""

from typing import Any

import pulumi
import pytest

from infra.config.network import NatGateways, endpoint_services
from infra.errors import ConfigError
from infra.network.network import Network, NetworkArgs
from tests.infra.answers import Aws
from tests.infra.recorder import Recording, run, run_main
from tests.infra.settings import replace

NETWORK = NetworkArgs()
GIVEN = replace(NETWORK, mode="existing", vpc_id="vpc-given", public_subnet_ids=("subnet-1", "subnet-2"))
PRIVATE = replace(GIVEN, private_subnet_ids=("subnet-3", "subnet-4"))
ZONES = {"subnet-1": "a", "subnet-2": "b", "subnet-3": "a", "subnet-4": "b"}


def network(args: NetworkArgs, account: Aws) -> Recording:
    def program() -> None:
        made = Network("films", args)
        pulumi.export("vpc", made.task_subnets.vpc_id)
        pulumi.export("public", made.load_balancer_subnets.ids)
        pulumi.export("tasks", made.task_subnets.ids)
        pulumi.export("address", made.task_subnets.assign_public_ip)

    return run(program, aws=account)


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
    exports = network(PRIVATE, Aws(zones=ZONES)).exports
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


@pytest.mark.parametrize(
    ("choice", "asked"), [("none", {"strategy": "None"}), ("single", {"strategy": "Single"}), ("perZone", None)]
)
def test_the_nat_gateways_of_a_new_vpc_are_a_choice(choice: NatGateways, asked: object) -> None:
    """One a zone is what awsx makes unasked."""
    settings = replace(NETWORK, mode="new", nat_gateways=choice, vpc_endpoints=True, vpc_endpoint_services=("logs",))
    assert network(settings, Aws()).one("awsx:ec2:Vpc").inputs.get("natGateways") == asked


def test_private_endpoints_are_made_when_asked_for_and_open_to_the_vpc_alone() -> None:
    assert network(replace(NETWORK, mode="new"), Aws()).all("aws:ec2/vpcEndpoint:VpcEndpoint") == []
    recorded = network(
        replace(NETWORK, mode="new", vpc_endpoints=True, vpc_endpoint_services=("ecr.api", "logs")), Aws()
    )
    gateway = recorded.one("aws:ec2/vpcEndpoint:VpcEndpoint", "-s3").inputs
    services = [one.inputs for one in recorded.all("aws:ec2/vpcEndpoint:VpcEndpoint") if "subnetIds" in one.inputs]
    assert (gateway["vpcEndpointType"], gateway["routeTableIds"]) == ("Gateway", ["rtb-main", "rtb-private"])
    assert {one["serviceName"] for one in services} == {
        "com.amazonaws.eu-central-1.ecr.api",
        "com.amazonaws.eu-central-1.logs",
    }
    for one in services:
        assert one["subnetIds"] == recorded.exports["tasks"]
        assert one["privateDnsEnabled"] is True
        assert one["securityGroupIds"] == ["films-endpoints-group-id"]
    rule = recorded.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("10.0.0.0/16", 443, 443)


def test_endpoints_have_the_names_that_their_services_have_in_the_region() -> None:
    """In China, ECR's begin with cn., those of the logs do not."""
    settings = replace(NETWORK, mode="new", vpc_endpoints=True, vpc_endpoint_services=("ecr.api", "logs"))
    recorded = network(settings, Aws(chinese_services=["ecr.api"]))
    assert {one.inputs["serviceName"] for one in recorded.all("aws:ec2/vpcEndpoint:VpcEndpoint")} == {
        "cn.com.amazonaws.eu-central-1.ecr.api",
        "com.amazonaws.eu-central-1.logs",
        "com.amazonaws.eu-central-1.s3",
    }
    asked = [arguments for token, arguments in recorded.calls if token.endswith(":getVpcEndpointService")]
    assert {arguments["serviceType"] for arguments in asked} == {"Interface"}


@pytest.mark.usefixtures("project")
def test_tasks_start_once_their_subnets_have_routes_to_aws() -> None:
    recorded = run_main("dev", config={"network": "new", "natGateways": "none", "vpcEndpoints": True})
    service = recorded.one("aws:ecs/service:Service")
    rules = recorded.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    needed = [*recorded.all("aws:ec2/vpcEndpoint:VpcEndpoint"), recorded.one("awsx:ec2:Vpc")]
    needed += [rule for rule in rules if rule.name.endswith("-endpoints-from-vpc")]
    assert len(needed) == 6
    assert {one.urn for one in needed} <= service.depends_on


def test_the_endpoints_are_those_of_the_services_that_tasks_talk_to() -> None:
    secret, parameter = "arn:aws:secretsmanager:r:1:secret:x", "arn:aws:ssm:r:1:parameter/x"
    least = endpoint_services([], enable_execute_command=False, instances=False)
    assert least == ("ecr.api", "ecr.dkr", "logs")
    assert set(endpoint_services([secret], enable_execute_command=False, instances=False)) - set(least) == {
        "secretsmanager"
    }
    assert set(endpoint_services([parameter], enable_execute_command=True, instances=False)) - set(least) == {
        "ssm",
        "ssmmessages",
    }
    assert set(endpoint_services([], enable_execute_command=False, instances=True)) - set(least) == {
        "ecs",
        "ecs-agent",
        "ecs-telemetry",
    }


@pytest.mark.parametrize(
    "settings",
    [
        replace(PRIVATE, internal=True),
        replace(PRIVATE, internal=True, public_subnet_ids=()),
        replace(NETWORK, internal=True, mode="new"),
    ],
)
def test_an_internal_balancer_stands_where_the_tasks_are(settings: NetworkArgs) -> None:
    exports = network(settings, Aws(zones=ZONES)).exports
    assert exports["public"] == exports["tasks"]
    assert exports["address"] is False


def test_ipv6_is_refused_where_the_balancers_subnets_have_none() -> None:
    settings = replace(PRIVATE, ipv6=True)
    ranges = {"subnet-1": "2001:db8:1::/64", "subnet-2": "2001:db8:2::/64"}
    assert network(settings, Aws(zones=ZONES, ipv6_ranges=ranges)).exports["public"] == ["subnet-1", "subnet-2"]
    with pytest.raises(ConfigError, match=r"publicSubnetIds has subnet-2 without an IPv6 range(?s:.*)ipv6 false"):
        network(settings, Aws(zones=ZONES, ipv6_ranges={"subnet-1": "2001:db8:1::/64"}))


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        (NETWORK, {"mode": "new", "nat_gateways": "none"}, "tasks without a route cannot pull"),
        (NETWORK, {"vpc_endpoints": True}, "created for a new VPC alone"),
        (NETWORK, {"ipv6": True}, "allowed with existing"),
        (GIVEN, {"internal": True, "public_subnet_ids": ()}, "at least two subnets"),
    ],
)
def test_a_network_that_could_not_work_is_refused(settings: NetworkArgs, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(settings, **change)


def test_ids_go_with_an_existing_network_alone() -> None:
    with pytest.raises(ValueError, match="they go with existing"):
        replace(NETWORK, vpc_id="vpc-1")
    with pytest.raises(ValueError, match="the ids of at least two subnets"):
        replace(GIVEN, public_subnet_ids=("subnet-1", "subnet-1"))
