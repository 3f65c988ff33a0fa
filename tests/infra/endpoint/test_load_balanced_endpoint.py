"""Claims about the load balancer."""

from typing import Any

import pytest

from infra.args import Subnets
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint, LoadBalancedEndpointArgs
from tests.infra.recorder import Recording, run
from tests.infra.settings import replace

ENDPOINT = LoadBalancedEndpointArgs(
    subnets=Subnets(vpc_id="vpc-1", ids=["subnet-1", "subnet-2"]), health_check_path="/ready"
)


def endpoint(args: LoadBalancedEndpointArgs, name: str = "films") -> Recording:
    return run(lambda: LoadBalancedEndpoint(name, args))


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


def test_targets_come_and_go_as_slowly_as_the_settings_say() -> None:
    inputs = endpoint(replace(ENDPOINT, deregistration_delay_seconds=45, slow_start_seconds=90)).one(
        "aws:lb/targetGroup:TargetGroup"
    )
    assert (inputs.inputs["deregistrationDelay"], inputs.inputs["slowStart"]) == (45, 90)


def test_the_balancer_drops_malformed_headers() -> None:
    assert endpoint(ENDPOINT).one("aws:lb/loadBalancer:LoadBalancer").inputs["dropInvalidHeaderFields"] is True


def test_names_with_a_limit_fit_however_long_the_stacks_name() -> None:
    recorded = endpoint(ENDPOINT, name="recommender-" + "x" * 40)
    for type_ in ("aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"):
        assert len(recorded.one(type_).name) + len("-1234567") <= 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slow_start_seconds": 10}, r'slow_start_seconds\n.*is "10"; allowed: 0 \(off\) or 30 to 900'),
        (
            {"deregistration_delay_seconds": 3601},
            r"deregistration_delay_seconds\n  Input should be less than or equal to 3600",
        ),
        ({"allowed_cidrs": ()}, "allowed: one address range or more"),
        ({"waf_rate_limit": 9}, r'waf_rate_limit\n.*is "9"; allowed: 0 \(off\) or 10 to 2000000000'),
    ],
)
def test_an_endpoint_that_aws_would_refuse_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ENDPOINT, **change)
