"""Claims about a service behind a load balancer that is managed elsewhere."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.errors import ConfigError
from tests.infra.answers import Aws
from tests.infra.recorder import Recording, run_main

LISTENER_ARN = (
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shared/0123456789abcdef/0123456789abcdef"
)
SHARED: Mapping[str, object] = {"listenerArn": LISTENER_ARN, "hostNames": ["films.example.com", "*.films.example.com"]}
OF_A_BALANCER = {
    "aws:acm/certificate:Certificate",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:lb/listener:Listener",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:route53/record:Record",
}

pytestmark = pytest.mark.usefixtures("project")


def shared(config: Mapping[str, object] | None = None, **account: Any) -> Recording:
    return run_main("dev", config={**SHARED, **(config or {})}, aws=Aws(**account))


def test_a_service_joins_an_existing_load_balancer_by_a_rule_and_a_target_group_of_its_own() -> None:
    recorded = shared()
    rule = recorded.one("aws:lb/listenerRule:ListenerRule")
    group = recorded.one("aws:lb/targetGroup:TargetGroup")
    service = recorded.one("aws:ecs/service:Service")
    assert rule.inputs["listenerArn"] == LISTENER_ARN
    assert rule.inputs["actions"] == [{"type": "forward", "targetGroupArn": f"arn:of:{group.name}"}]
    assert rule.inputs["conditions"] == [{"hostHeader": {"values": ["films.example.com", "*.films.example.com"]}}]
    assert "priority" not in rule.inputs
    assert group.inputs["vpcId"] == "vpc-default"
    assert service.inputs["loadBalancers"][0]["targetGroupArn"] == f"arn:of:{group.name}"
    assert rule.urn in service.depends_on
    made = recorded.census()
    assert {type_ for type_ in OF_A_BALANCER if made[type_]} == {"aws:ec2/securityGroup:SecurityGroup"}
    assert recorded.one("aws:ec2/securityGroup:SecurityGroup").name.endswith("-tasks-group")


def test_only_the_existing_load_balancer_reaches_the_tasks() -> None:
    """Its addresses are in all of its groups, so one of them is enough for the rules of both sides."""
    recorded = shared()
    tasks = "recommender-dev-tasks-group-id"
    rule = recorded.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert (rule["securityGroupId"], rule["referencedSecurityGroupId"]) == (tasks, "sg-a")
    out = recorded.one("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "-balancer-to-tasks").inputs
    assert (out["securityGroupId"], out["referencedSecurityGroupId"]) == ("sg-a", tasks)
    assert (out["fromPort"], out["toPort"]) == (8080, 8080)


def test_a_rule_matches_the_path_too_and_has_the_priority_that_is_set() -> None:
    rule = shared({"rootPath": "/films", "listenerRulePriority": 40}).one("aws:lb/listenerRule:ListenerRule").inputs
    assert rule["priority"] == 40
    assert rule["conditions"] == [
        {"hostHeader": {"values": ["films.example.com", "*.films.example.com"]}},
        {"pathPattern": {"values": ["/films", "/films/*"]}},
    ]
    by_path = shared({"hostNames": [], "rootPath": "/films"}).one("aws:lb/listenerRule:ListenerRule").inputs
    assert by_path["conditions"] == [{"pathPattern": {"values": ["/films", "/films/*"]}}]


@pytest.mark.parametrize(
    ("config", "listener", "url"),
    [
        ({}, {}, "https://films.example.com"),
        ({}, {"protocol": "HTTP", "port": 80}, "http://films.example.com"),
        ({}, {"port": 8443}, "https://films.example.com:8443"),
        ({"hostNames": ["*.example.com"], "rootPath": "/films"}, {}, "https://shared.elb.example/films"),
        ({"publicUrl": "https://www.example.com", "rootPath": "/films"}, {}, "https://www.example.com/films"),
    ],
)
def test_the_url_is_where_the_listener_answers(
    config: Mapping[str, object], listener: Mapping[str, Any], url: str
) -> None:
    assert shared(config, listener=listener).exports["url"] == url


def test_a_target_group_that_moves_to_another_load_balancer_is_replaced() -> None:
    """It belongs to one at a time."""
    triggers = [
        recorded.one("aws:lb/targetGroup:TargetGroup").replacement_trigger
        for recorded in (run_main("dev"), shared(), shared({"listenerArn": LISTENER_ARN[:-1] + "0"}))
    ]
    assert "" not in triggers
    assert len(set(triggers)) == 3


def test_alarms_and_scaling_watch_this_service_behind_the_shared_load_balancer() -> None:
    recorded = shared({"maxCount": 4, "requestsPerTarget": 100})
    (policy,) = [
        one.inputs["targetTrackingScalingPolicyConfiguration"]["predefinedMetricSpecification"]
        for one in recorded.all("aws:appautoscaling/policy:Policy")
        if "request" in one.name
    ]
    assert policy["resourceLabel"] == "app/shared/0123456789abcdef/suffix/recommender-dev-tg"


def test_the_estimate_leaves_out_a_load_balancer_that_somebody_else_pays() -> None:
    assert any("load balancer" in line for line in run_main("dev").exports["estimatedCostLines"])
    assert not any("load balancer" in line for line in shared().exports["estimatedCostLines"])


def test_a_listener_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"listenerArn is .* does not have in this region(?s:.*)describe-listeners"):
        shared(listener={"missing": True})


def test_a_load_balancer_in_another_vpc_is_refused() -> None:
    with pytest.raises(ConfigError, match="is a listener in vpc-other, but the tasks are in vpc-default"):
        shared(balancer={"vpcId": "vpc-other"})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"domain": "films.example.com"}, r'domain is "films.example.com", but with listenerArn'),
        ({"allowedCidrs": ["10.0.0.0/8"]}, r"allowedCidrs is .*10.0.0.0/8.*, but with listenerArn"),
        ({"accessLogDays": 7}, r'accessLogDays is "7", but with listenerArn'),
        ({"wafRateLimit": 100}, r'wafRateLimit is "100", but with listenerArn'),
        (
            {
                "certificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/c",
                "publicUrl": "https://films.example.com",
            },
            r"certificateArn is .*, but with listenerArn",
        ),
        ({"internal": True}, "internal is true, but with listenerArn"),
        ({"network": "new"}, r'network is "new", but with listenerArn'),
        ({"hostNames": []}, r"hostNames is \[\]; allowed with listenerArn: 1 to 5 host names, or none with rootPath"),
        ({"hostNames": ["a.b", "c.d", "e.f", "g.h"], "rootPath": "/x"}, "1 to 3 host names"),
        ({"hostNames": ["https://films.example.com"]}, "without scheme and port"),
        ({"listenerArn": ""}, "hostNames is .* allowed with listenerArn"),
        ({"listenerArn": LISTENER_ARN.replace("/app/", "/net/")}, "a listener of an application load balancer"),
    ],
)
def test_what_contradicts_an_existing_load_balancer_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        shared(config)


def test_with_an_existing_load_balancer_the_network_needs_the_tasks_subnets_alone() -> None:
    network = {"network": "existing", "vpcId": "vpc-given", "privateSubnetIds": ["subnet-3", "subnet-4"]}
    account = {"zones": {"subnet-3": "a", "subnet-4": "b"}, "balancer": {"vpcId": "vpc-given"}}
    service = shared(network, **account).one("aws:ecs/service:Service").inputs
    assert service["networkConfiguration"]["subnets"] == ["subnet-3", "subnet-4"]
