"""Claims about the protection of a production stack."""

import pytest

from tests.infra.recorder import run_main

SERVING_OR_HOLDING_DATA = {
    "aws:ecr/repository:Repository",
    "aws:ecs/service:Service",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:s3/bucket:Bucket",
}


@pytest.mark.usefixtures("project")
def test_a_production_stack_protects_what_serves_requests_or_holds_data_and_others_nothing() -> None:
    config = {"accessLogDays": 30}
    production = run_main("prod", config=config)
    assert {resource.type for resource in production if resource.protect} == SERVING_OR_HOLDING_DATA
    assert all(one.protect for one in production if one.type in SERVING_OR_HOLDING_DATA)
    unprotected = run_main("prod", config={**config, "production": False})
    assert [one.name for one in unprotected if one.protect] == []


@pytest.mark.usefixtures("project")
def test_protection_keeps_the_other_options_of_a_resource() -> None:
    production = run_main("prod")
    service, balancer = production.one("aws:ecs/service:Service"), production.one("aws:lb/loadBalancer:LoadBalancer")
    assert service.timeouts["create"] == "20m"
    assert service.error_hooks
    assert balancer.replace_with == {production.one("aws:ec2/securityGroup:SecurityGroup", "-balancer-group").urn}
