"""Claims about HTTPS, the name, access logs and the firewall in front of the service."""

import json

import pulumi
import pytest

from infra.endpoint.listeners import TLS_POLICY
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint, LoadBalancedEndpointArgs
from infra.errors import ConfigError
from model_service.serving.api.params import MAX_BODY_BYTES
from tests.infra.answers import ACCOUNT, Aws
from tests.infra.endpoint.test_load_balanced_endpoint import ENDPOINT, endpoint
from tests.infra.recorder import Recording, run, run_main
from tests.infra.settings import replace

WAF_BODY_BYTES = 8 * 1024
LISTENER = "aws:lb/listener:Listener"
CERTIFICATE_ARN = "arn:aws:acm:eu-central-1:111122223333:certificate/c"
NAMED = replace(ENDPOINT, domain="films.example.com", hosted_zone_id="ZGIVEN")


def looked_up(args: LoadBalancedEndpointArgs, account: Aws) -> Recording:
    def program() -> None:
        made = LoadBalancedEndpoint("films", args)
        made.point_domain(after=pulumi.ComponentResource("service", "films"))
        pulumi.export("url", made.url)

    return run(program, aws=account)


def test_a_domain_is_answered_over_https_and_plain_http_leads_there() -> None:
    recorded = endpoint(NAMED)
    http, https = recorded.one(LISTENER, "-http").inputs, recorded.one(LISTENER, "-https").inputs
    (action,) = http["defaultActions"]
    assert (action["type"], "targetGroupArn" in action) == ("redirect", False)
    assert action["redirect"] == {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}
    assert (https["protocol"], https["port"], https["sslPolicy"]) == ("HTTPS", 443, TLS_POLICY)
    assert https["defaultActions"][0]["targetGroupArn"].startswith("arn:of:films-tg")


@pytest.mark.parametrize("root_path", ["", "/films"])
def test_plain_http_leads_to_https_only_once_clients_are_answered_there(root_path: str) -> None:
    recorded = endpoint(replace(NAMED, root_path=root_path))
    answers = {recorded.one(LISTENER, "-https").urn}
    if root_path:
        answers = {recorded.one("aws:lb/listenerRule:ListenerRule").urn}
    rules = recorded.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    open_port = {rule.urn for rule in rules if rule.inputs["fromPort"] == 443}
    assert open_port
    assert recorded.one(LISTENER, "-http").depends_on >= answers | open_port


def test_without_a_certificate_plain_http_waits_for_no_other_listener() -> None:
    recorded = endpoint(ENDPOINT)
    assert {urn.split("::")[-1] for urn in recorded.one(LISTENER).depends_on} == {"films-lb", "films-tg"}


@pytest.mark.usefixtures("project")
def test_a_domain_leads_to_a_load_balancer_only_once_the_service_answers_behind_it() -> None:
    recorded = run_main("dev", config={"domain": "films.example.com", "hostedZoneId": "ZGIVEN"})
    (alias,) = [one for one in recorded.all("aws:route53/record:Record") if "aliases" in one.inputs]
    assert recorded.one("aws:ecs/service:Service").urn in alias.depends_on


def test_the_listener_waits_for_the_validated_certificate() -> None:
    recorded = endpoint(NAMED)
    validation = recorded.one("aws:acm/certificateValidation:CertificateValidation")
    proof = recorded.one("aws:route53/record:Record", "-proof").inputs
    assert validation.urn in recorded.one(LISTENER, "-https").depends_on
    assert validation.inputs["validationRecordFqdns"] == ["fqdn.films-certificate-proof"]
    assert (proof["name"], proof["type"], proof["records"]) == ("_proof", "CNAME", ["_of.acm"])
    assert proof["zoneId"] == "ZGIVEN"


def test_the_tls_policy_is_one_without_old_versions() -> None:
    assert TLS_POLICY.startswith("ELBSecurityPolicy-TLS13-1-2-Res")


def test_both_ports_are_open_to_the_allowed_ranges_and_one_without_a_certificate() -> None:
    ranges = ("203.0.113.0/24", "2001:db8::/32")
    type_ = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    named = endpoint(replace(NAMED, allowed_cidrs=ranges)).all(type_)
    assert sorted(rule.inputs["fromPort"] for rule in named) == [80, 80, 443, 443]
    assert [rule.inputs["toPort"] for rule in endpoint(ENDPOINT).all(type_)] == [80]


def test_the_domain_leads_to_the_balancer_also_by_ipv6_where_it_answers_it() -> None:
    for settings, types in ((NAMED, {"A"}), (replace(NAMED, ipv6=True), {"A", "AAAA"})):
        recorded = endpoint(settings)
        aliases = [one.inputs for one in recorded.all("aws:route53/record:Record") if "aliases" in one.inputs]
        assert {alias["type"] for alias in aliases} == types
        for alias in aliases:
            assert alias["name"] == "films.example.com"
            assert alias["aliases"][0]["name"] == "films-lb.elb.example"
            assert alias["aliases"][0]["zoneId"] == "Zfilms-lb"
        load_balancer = recorded.one("aws:lb/loadBalancer:LoadBalancer").inputs
        assert (load_balancer.get("ipAddressType") == "dualstack") == ("AAAA" in types)


def test_the_zone_is_looked_up_from_the_longest_name_to_the_shortest() -> None:
    settings = replace(NAMED, domain="a.films.example.com", hosted_zone_id="")
    recorded = looked_up(settings, Aws(hosted_zones={"example.com": "ZSHORT", "films.example.com": "ZLONG"}))
    asked = [arguments["name"] for token, arguments in recorded.calls if token.endswith(":getZone")]
    assert asked == ["a.films.example.com", "films.example.com"]
    assert {one.inputs["zoneId"] for one in recorded.all("aws:route53/record:Record")} == {"ZLONG"}
    assert recorded.exports["url"] == "https://a.films.example.com"


def test_a_domain_without_a_zone_is_refused_with_the_ways_out() -> None:
    with pytest.raises(ConfigError, match=r"no public hosted zone for (?s:.*)certificateArn(?s:.*)hostedZoneId"):
        looked_up(replace(NAMED, hosted_zone_id=""), Aws())


def test_a_given_certificate_does_without_dns() -> None:
    recorded = endpoint(replace(ENDPOINT, certificate_arn=CERTIFICATE_ARN, public_url="https://films.example.com"))
    assert recorded.one(LISTENER, "-https").inputs["certificateArn"] == CERTIFICATE_ARN
    assert not {"aws:acm/certificate:Certificate", "aws:route53/record:Record"} & set(recorded.census())


def test_a_given_certificate_can_answer_for_a_domain() -> None:
    recorded = endpoint(replace(NAMED, certificate_arn=CERTIFICATE_ARN))
    assert recorded.one(LISTENER, "-https").inputs["certificateArn"] == CERTIFICATE_ARN
    assert recorded.one("aws:route53/record:Record").inputs["type"] == "A"


@pytest.mark.parametrize(
    ("name", "certificate", "url", "warned"),
    [
        ("", "", "", True),
        ("", "", "http://films.example.com", True),
        ("", "", "http://localhost.example.com", True),
        ("", "", "http://localhost:8080", False),
        ("", "", "https://films.example.com", False),
        ("films.example.com", "", "", False),
        ("", CERTIFICATE_ARN, "https://films.example.com", False),
    ],
)
def test_plain_http_is_told_of_unless_it_stays_on_this_machine(
    name: str, certificate: str, url: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda message, resource: warnings.append(message))
    endpoint(
        replace(
            ENDPOINT, domain=name, hosted_zone_id="ZGIVEN" * bool(name), certificate_arn=certificate, public_url=url
        )
    )
    assert [("plain HTTP" in one, "pulumi config set domain" in one) for one in warnings] == [(True, True)] * warned


def test_the_preview_says_that_it_is_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda message, resource: told.append(message))
    endpoint(NAMED)
    assert told == []
    endpoint(ENDPOINT)
    assert len(told) == 1
    assert "plain HTTP" in told[0]


def test_access_logs_cost_nothing_until_asked_for_and_then_forget() -> None:
    assert not [one for one in endpoint(ENDPOINT) if one.type.startswith("aws:s3/")]
    recorded = endpoint(replace(ENDPOINT, access_log_days=30))
    load_balancer = recorded.one("aws:lb/loadBalancer:LoadBalancer")
    (rule,) = recorded.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    private = recorded.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert load_balancer.inputs["accessLogs"] == {
        "enabled": True,
        "bucket": "films-access-logs",
        "prefix": "load-balancer",
    }
    assert recorded.one("aws:s3/bucketPolicy:BucketPolicy").urn in load_balancer.depends_on
    assert (rule["status"], rule["expiration"]) == ("Enabled", {"days": 30})
    assert {value for key, value in private.items() if key != "bucket"} == {True}


def test_only_load_balancers_of_this_account_write_access_logs() -> None:
    recorded = endpoint(replace(ENDPOINT, access_log_days=30))
    write, tls = json.loads(recorded.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])["Statement"]
    assert write["Resource"] == f"arn:aws:s3:::films-access-logs/load-balancer/AWSLogs/{ACCOUNT}/*"
    assert write["Condition"]["ArnLike"]["aws:SourceArn"].endswith(f":eu-central-1:{ACCOUNT}:loadbalancer/*")
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_access_logs_of_production_are_not_thrown_away_with_the_stack() -> None:
    for guarded in (True, False):
        recorded = endpoint(replace(ENDPOINT, access_log_days=30, deletion_protection=guarded))
        assert recorded.one("aws:s3/bucket:Bucket").inputs["forceDestroy"] is not guarded


def test_the_firewall_stands_before_the_balancer_when_asked_for() -> None:
    assert not [one for one in endpoint(ENDPOINT) if one.type.startswith("aws:wafv2/")]
    recorded = endpoint(replace(ENDPOINT, waf_rate_limit=2000))
    acl = recorded.one("aws:wafv2/webAcl:WebAcl")
    link = recorded.one("aws:wafv2/webAclAssociation:WebAclAssociation").inputs
    rules = {rule["name"]: rule for rule in acl.inputs["rules"]}
    assert (link["resourceArn"], link["webAclArn"]) == ("arn:of:films-lb", f"arn:of:{acl.name}")
    assert len({rule["priority"] for rule in rules.values()}) == len(rules)
    limited = rules.pop("rate")
    assert limited["statement"]["rateBasedStatement"]["limit"] == 2000
    assert "block" in limited["action"]
    assert "AWSManagedRulesCommonRuleSet" in rules
    for name, rule in rules.items():
        statement = rule["statement"]["managedRuleGroupStatement"]
        assert (statement["name"], statement["vendorName"]) == (name, "AWS")
        assert "none" in rule["overrideAction"]


def test_the_firewall_lets_pass_every_body_that_the_service_takes() -> None:
    (acl,) = endpoint(replace(ENDPOINT, waf_rate_limit=2000)).all("aws:wafv2/webAcl:WebAcl")
    groups = [rule["statement"].get("managedRuleGroupStatement", {}) for rule in acl.inputs["rules"]]
    overrides = {group["name"]: group["ruleActionOverrides"] for group in groups if "ruleActionOverrides" in group}
    counted = {"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}
    assert MAX_BODY_BYTES > WAF_BODY_BYTES
    assert overrides == {"AWSManagedRulesCommonRuleSet": [counted]}


def test_an_internal_balancer_has_no_public_address() -> None:
    for internal in (True, False):
        recorded = endpoint(replace(ENDPOINT, internal=internal))
        assert recorded.one("aws:lb/loadBalancer:LoadBalancer").inputs["internal"] is internal
