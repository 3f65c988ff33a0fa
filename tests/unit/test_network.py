"""Claims about the network."""

from dataclasses import replace

import pulumi
import pytest

from infra.errors import ConfigError
from infra.network import Network, NetworkArgs
from infra.settings import NetworkSettings
from tests.unit.answers import Aws
from tests.unit.recorder import Recording, run

NETWORK = NetworkSettings(mode="default", vpc_id="", public_subnet_ids=(), private_subnet_ids=())
GIVEN = NetworkSettings(
    mode="existing", vpc_id="vpc-given", public_subnet_ids=("subnet-1", "subnet-2"), private_subnet_ids=()
)


def network(settings: NetworkSettings, account: Aws) -> Recording:
    def program() -> None:
        made = Network("films", NetworkArgs(settings=settings))
        pulumi.export("vpc", made.vpc_id)
        pulumi.export("public", made.public_subnet_ids)
        pulumi.export("tasks", made.task_subnet_ids)
        pulumi.export("address", made.assign_public_ip)

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
