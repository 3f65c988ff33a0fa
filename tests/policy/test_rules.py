"""Claims about the policy pack: this program keeps every rule, and each rule catches what it is for."""

import copy
import json
from pathlib import Path
from typing import Any

import pulumi_aws
import pytest
from documents import ACTIONS_WITHOUT_RESOURCE, overly_permissive
from links import BUCKET, INGRESS, PUBLIC_ACCESS_BLOCK, RULE, SERVICE, open_buckets, reachable_tasks
from rules import RULES, TAGGED_TYPES, Rule

from tests.infra.answers import Aws
from tests.infra.recorder import ROOT, Recording, run_main
from tests.infra.test_program import VARIANTS, ZONES
from tests.policy.cases import CASES, OTHERWISE, Inputs

ACCOUNT = Aws(zones=ZONES, hosted_zones={"example.com": "ZEXAMPLE"})
TASK = {"name": "score", "command": ["python3", "-m", "batch"], "schedule": "rate(1 day)", "s3Read": ["s3://films/in/"]}
SHAPES = {
    **{name: variant for name, variant in VARIANTS.items() if name != "local"},
    "machines of one's own, and a task": ("prod", {"launchType": "EC2", "batchJobs": [json.dumps(TASK)]}),
}

MANDATORY = [rule for rule in RULES if rule.mandatory]
NAMED = {rule.name: rule for rule in RULES}


@pytest.fixture(params=SHAPES)
def variant(request: pytest.FixtureRequest, project: Path) -> Recording:
    stack, config = SHAPES[request.param]
    return run_main(stack, config=config, aws=ACCOUNT)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Inputs]:
    """Inputs that keep every rule, one of each type."""
    found = dict(OTHERWISE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("anywhere"))
        for stack, config in SHAPES.values():
            without_build = {"imageUri": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/films:1.0", **config}
            for resource in run_main(stack, config=without_build, aws=ACCOUNT):
                found.setdefault(resource.type, dict(resource.inputs))
    return found


def violations(rules: list[Rule], type_: str, inputs: Any) -> list[str]:
    return [f"{rule.name}: {told}" for rule in rules if type_ in rule.checks for told in rule.checks[type_](inputs)]


def linked(recorded: Recording) -> list[tuple[str, str, Any]]:
    return [(one.type, one.name, {"id": f"{one.name}-id", **one.inputs}) for one in recorded]


def test_the_program_keeps_every_rule(variant: Recording) -> None:
    assert [told for one in variant for told in violations(MANDATORY, one.type, one.inputs)] == []
    assert list(reachable_tasks(linked(variant))) == []
    assert list(open_buckets(linked(variant))) == []


def test_the_program_gives_the_rules_something_to_look_at(right: dict[str, Inputs]) -> None:
    looked_at = {type_ for rule in RULES for type_ in rule.checks}
    assert looked_at <= set(right)
    assert {BUCKET, INGRESS, SERVICE, PUBLIC_ACCESS_BLOCK} <= set(right)


@pytest.mark.parametrize("case", CASES)
def test_a_planted_violation_is_caught_and_the_right_one_is_not(case: str, right: dict[str, Inputs]) -> None:
    name, type_, spoil, words = CASES[case]
    spoiled = copy.deepcopy(right[type_])
    spoil(spoiled)
    assert [told for told in violations(MANDATORY, type_, right[type_]) if told.startswith(f"{name}:")] == []
    told = violations([NAMED[name]], type_, spoiled)
    assert len(told) == 1
    assert words in told[0]


def test_every_rule_is_broken_by_a_case_on_every_type_that_it_names() -> None:
    tried = {(name, type_) for name, type_, *_ in CASES.values()}
    named = {(rule.name, type_) for rule in RULES if rule.name != "tags" for type_ in rule.checks}
    assert tried == named


@pytest.mark.parametrize("type_", TAGGED_TYPES)
def test_a_resource_of_nobody_is_caught(type_: str, right: dict[str, Inputs]) -> None:
    assert violations([NAMED["tags"]], type_, right[type_]) == []
    assert violations([NAMED["tags"]], type_, {**right[type_], "tags": {"project": "p", "stack": ""}}) == [
        "tags: has no tag stack, managed-by"
    ]


def test_every_type_that_a_rule_names_is_one_of_the_providers() -> None:
    known = Path(str(pulumi_aws.__file__)).read_text(encoding="utf-8")
    for type_ in {*(type_ for rule in RULES for type_ in rule.checks), BUCKET, INGRESS, SERVICE, PUBLIC_ACCESS_BLOCK}:
        assert f'"{type_}"' in known, type_


def test_what_the_pack_imports_is_installed_with_the_program() -> None:
    needed = set((ROOT / "policy" / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:])
    assert needed
    assert needed <= set((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())


def test_an_outgoing_rule_opens_no_port() -> None:
    rule = {"type": "egress", "protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}
    assert violations([NAMED["no-open-group"]], RULE, rule) == []


def test_plain_http_is_advice_and_a_redirect_is_not_even_that(project: Path) -> None:
    listener = "aws:lb/listener:Listener"
    open_ = run_main("prod").one(listener)
    assert violations([NAMED["https"]], listener, open_.inputs)
    redirect = {"protocol": "HTTP", "defaultActions": [{"type": "redirect"}]}
    assert violations([NAMED["https"]], listener, redirect) == []
    assert [rule.name for rule in RULES if not rule.mandatory] == ["https", "read-only-images"]


def test_a_rule_that_lets_addresses_reach_the_tasks_is_caught_wherever_it_stands(project: Path) -> None:
    resources = linked(run_main("dev"))
    (group,) = next(
        inputs["networkConfiguration"]["securityGroups"] for type_, _, inputs in resources if type_ == SERVICE
    )
    for source in ({"cidrIpv4": "10.0.0.0/8"}, {"cidrIpv6": "2001:db8::/32"}, {"prefixListId": "pl-1"}):
        planted = (INGRESS, "planted", {"securityGroupId": group, **source})
        (told,) = reachable_tasks([*resources, planted])
        assert "planted lets" in told
    rule = {"securityGroupId": group, "type": "ingress", "cidrBlocks": ["10.0.0.0/8"], "prefixListIds": ["pl-1"]}
    assert len(list(reachable_tasks([*resources, (RULE, "planted", rule)]))) == 2
    assert list(reachable_tasks([*resources, (RULE, "planted", {**rule, "type": "egress"})])) == []


def test_a_bucket_that_nobody_shut_is_caught(project: Path) -> None:
    resources = linked(run_main("dev", config={"accessLogDays": 7}))
    assert [
        told
        for told in open_buckets([one for one in resources if one[0] != PUBLIC_ACCESS_BLOCK])
        if "no BucketPublic" in told
    ]


@pytest.mark.parametrize("action", sorted(ACTIONS_WITHOUT_RESOURCE))
def test_an_action_without_resources_may_name_all_of_them(action: str) -> None:
    document = {"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}
    assert list(overly_permissive(json.dumps(document))) == []


def test_who_denies_may_name_everything_and_a_condition_narrows_everybody() -> None:
    everybody = {"Principal": "*", "Action": "s3:GetObject", "Resource": "arn:films"}
    denied = {"Effect": "Deny", **everybody, "Action": "s3:*"}
    narrowed = {"Effect": "Allow", **everybody, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
    assert list(overly_permissive(json.dumps({"Statement": [denied, narrowed]}))) == []


def test_every_case_changes_something(right: dict[str, Inputs]) -> None:
    for _, type_, spoil, _ in CASES.values():
        spoiled = copy.deepcopy(right[type_])
        spoil(spoiled)
        assert spoiled != right[type_]
