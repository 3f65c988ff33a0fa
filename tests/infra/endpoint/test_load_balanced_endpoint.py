"""Claims about the load balancer."""

import json
from typing import Any

import pulumi
import pytest

from infra.args import Subnets
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint, LoadBalancedEndpointArgs
from infra.errors import ProgramError
from tests.infra.recorder import Recording, run
from tests.infra.settings import replace

ENDPOINT = LoadBalancedEndpointArgs(
    subnets=Subnets(vpc_id="vpc-1", ids=["subnet-1", "subnet-2"]), health_check_path="/ready"
)


def endpoint(args: LoadBalancedEndpointArgs, name: str = "films") -> Recording:
    return run(lambda: LoadBalancedEndpoint(name, args).point_domain(after=pulumi.ComponentResource("service", name)))


BALANCER, TARGET_GROUP = "aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"


def test_a_load_balancer_moves_to_another_vpc_by_replacement_and_its_target_group_with_it() -> None:
    """Subnets can be changed within a VPC alone, and a target group belongs to one load balancer at a time."""
    recorded = endpoint(ENDPOINT)
    group = recorded.one("aws:ec2/securityGroup:SecurityGroup")
    balancer, targets = recorded.one(BALANCER), recorded.one(TARGET_GROUP)
    assert balancer.replace_with == {group.urn}
    assert targets.replace_with == {balancer.urn}
    assert "name" not in balancer.inputs.keys() | targets.inputs.keys()


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


def test_a_name_that_aws_reserves_is_refused() -> None:
    with pytest.raises(ProgramError, match=r'reserves names that begin with "internal-"(?s:.*)Pulumi.yaml'):
        endpoint(ENDPOINT, name="internal-films-dev")


RULE, LISTENER = "aws:lb/listenerRule:ListenerRule", "aws:lb/listener:Listener"
CERTIFICATE_ARN = "arn:aws:acm:eu-central-1:111122223333:certificate/c"


def test_without_a_prefix_every_path_is_forwarded_by_the_listener_itself() -> None:
    recorded = endpoint(ENDPOINT)
    assert not recorded.all(RULE)
    assert [action["type"] for action in recorded.one(LISTENER).inputs["defaultActions"]] == ["forward"]


@pytest.mark.parametrize(
    ("change", "listener"),
    [({}, "-http"), ({"certificate_arn": CERTIFICATE_ARN, "public_url": "https://films.example.com"}, "-https")],
)
def test_with_a_prefix_only_what_is_below_it_reaches_a_task(change: dict[str, Any], listener: str) -> None:
    recorded = endpoint(replace(ENDPOINT, root_path="/films/v1", **change))
    inputs = recorded.one(RULE).inputs
    assert inputs["listenerArn"] == f"arn:of:films{listener}"
    assert inputs["conditions"] == [{"pathPattern": {"values": ["/films/v1", "/films/v1/*"]}}]
    assert [(one["type"], one["targetGroupArn"]) for one in inputs["actions"]] == [("forward", "arn:of:films-tg")]
    (default,) = recorded.one(LISTENER, listener).inputs["defaultActions"]
    response = default["fixedResponse"]
    assert (default["type"], response["statusCode"], response["contentType"]) == (
        "fixed-response",
        "404",
        "application/json",
    )
    assert json.loads(response["messageBody"]) == {"success": False, "error": "every path here begins with /films/v1"}
    assert recorded.one("aws:lb/targetGroup:TargetGroup").inputs["healthCheck"]["path"] == "/ready"


@pytest.mark.parametrize(
    ("change", "url"),
    [
        ({}, "http://films-lb.elb.example/films"),
        ({"domain": "films.example.com", "hosted_zone_id": "Z1"}, "https://films.example.com/films"),
        ({"public_url": "https://films.example.com"}, "https://films.example.com/films"),
        ({"public_url": "https://films.example.com/films"}, "https://films.example.com/films"),
        ({"public_url": "https://gateway.example.com/v1/"}, "https://gateway.example.com/v1"),
    ],
)
def test_the_url_has_the_prefix_unless_it_is_given_with_a_path(change: dict[str, Any], url: str) -> None:
    args = replace(ENDPOINT, root_path="/films", **change)
    recorded = run(lambda: pulumi.export("url", LoadBalancedEndpoint("films", args).url))
    assert recorded.exports["url"] == url


def test_a_service_waits_for_what_attaches_its_target_group_to_the_balancer() -> None:
    waits_for: list[str] = []

    def program() -> None:
        listener = LoadBalancedEndpoint("films", replace(ENDPOINT, root_path="/films")).target.listener
        waits_for.append(type(listener).__name__)

    run(program)
    assert waits_for == ["ListenerRule"]


@pytest.mark.parametrize("path", ["/" + "x" * 125, "/recommender", "/a/b.c/~d_-"])
def test_a_prefix_that_a_rule_can_match_is_allowed(path: str) -> None:
    assert max(map(len, (path, f"{path}/*"))) <= 128
    assert replace(ENDPOINT, root_path=path).root_path == path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slow_start_seconds": 10}, r'slow_start_seconds\n.*is "10"; allowed: 0 \(off\) or 30 to 900'),
        (
            {"deregistration_delay_seconds": 3601},
            r"deregistration_delay_seconds\n  Input should be less than or equal to 3600",
        ),
        ({"allowed_cidrs": ()}, "allowed: one address range or more"),
        ({"root_path": "/films/"}, r'root_path\n.*is "/films/"; allowed: a path such as /recommender'),
        ({"waf_rate_limit": 9}, r'waf_rate_limit\n.*is "9"; allowed: 0 \(off\) or 10 to 2000000000'),
    ],
)
def test_an_endpoint_that_aws_would_refuse_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ENDPOINT, **change)
