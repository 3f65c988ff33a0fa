"""The table of rights comes from the provider itself, and no type of the program is left out of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from botocore.loaders import create_loader

from tests.docs.provider.record import calls_by_type
from tests.docs.rights import (
    COMPONENTS,
    DEPENDENT,
    DOCUMENTED,
    RECORDED,
    REGISTRY,
    RIGHTS,
    action_of,
    calls,
    terraform_types,
)
from tests.docs.test_deployer_policy import types_of
from tests.infra.conftest import project  # noqa: F401 (a fixture)
from tests.infra.test_program import VARIANTS

MODELS = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}
"""The service models of botocore that are not named as the service signs."""


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.usefixtures("project")
def test_every_type_of_the_program_is_one_of_pulumi_aws_and_was_recorded_or_is_documented(variant: str) -> None:
    types = types_of(variant)
    assert types - set(COMPONENTS) <= REGISTRY
    assert [one for one in sorted(types) if not terraform_types(one) and one not in DOCUMENTED] == []
    assert types <= set(RIGHTS)


def test_what_is_documented_is_not_recorded_too() -> None:
    for type_, actions in DOCUMENTED.items():
        recorded = {action_of(call) for kind in terraform_types(type_) for call in calls(kind)}
        assert actions & recorded == set(), type_


def test_the_record_is_of_the_resources_in_main_tf() -> None:
    text = (Path(__file__).parent / "provider" / "main.tf").read_text(encoding="utf-8")
    assert set(RECORDED) - {"provider"} == set(re.findall(r'^resource "(\w+)"', text, flags=re.MULTILINE))


@pytest.mark.parametrize("kind", sorted(set(RECORDED) - {"provider", "aws_acm_certificate_validation"}))
def test_a_type_was_made_read_and_deleted(kind: str) -> None:
    assert set(RECORDED[kind]) >= {"create", "read", "delete"}
    assert any(re.match(r"\w+-?\w*:(?!Get|Describe|List|Head)", call) for call in RECORDED[kind]["create"])


@pytest.mark.parametrize("service", sorted({call.partition(":")[0] for kind in RECORDED for call in calls(kind)}))
def test_every_recorded_call_and_its_dependants_are_operations_of_aws(service: str) -> None:
    model = create_loader().load_service_model(MODELS.get(service, service), "service-2")
    made = {call for kind in RECORDED for call in calls(kind)} | set(DEPENDENT)
    assert {call.partition(":")[2] for call in made if call.startswith(f"{service}:")} <= set(model["operations"])


def test_target_tracking_takes_the_rights_to_its_alarms() -> None:
    tracking = {"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"}
    assert tracking <= RIGHTS["aws:appautoscaling/policy:Policy"]


def test_a_log_is_read_by_the_type_that_a_request_belongs_to() -> None:
    entry = "2026-01-01T00:00:00.000Z [DEBUG] provider: {} tf_req_id={}\n  | body {}\n"
    sent = "Credential=test/20260101/us-east-1/iam/aws4_request rpc.method=CreateRole"
    log = entry.format("Received request: tf_resource_type=aws_iam_role", "1", "")
    log += entry.format("HTTP Request Sent:", "1", sent)
    log += entry.format("HTTP Response Received:", "1", sent.replace("CreateRole", "GetRole"))
    assert calls_by_type(log) == {"aws_iam_role": {"iam:CreateRole"}}
