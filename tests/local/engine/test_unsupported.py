"""The settings that the stack `local` cannot do: each is named by whatever it needs and does not find."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from local.engine.handlers import HANDLERS
from local.engine.invokes import INVOKES
from local.engine.unsupported import SETTINGS, UnsupportedError
from local.settings import PROJECT_DIR
from tests.infra.recorder import run_main

LISTENER_ARN = (
    "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/shared/0123456789abcdef/0123456789abcdef"
)
TASK = {"name": "tidy", "command": ["true"], "schedule": "rate(1 day)", "timezone": "UTC"}
CASES: dict[str, dict[str, Any]] = {
    "network": {"network": "new"},
    "vpcEndpoints": {"network": "new", "natGateways": "none", "vpcEndpoints": True},
    "domain": {"domain": "films.example.com", "hostedZoneId": "Z0123456789ABCDEFGHIJ"},
    "listenerArn": {"listenerArn": LISTENER_ARN, "rootPath": "/films"},
    "accessLogDays": {"accessLogDays": 3},
    "wafRateLimit": {"wafRateLimit": 200},
    "createPushPolicy": {"createPushPolicy": True},
    "maxCount": {"maxCount": 4},
    "workingHours": {"workingHours": "MON-FRI 07:00-20:00 Europe/Berlin"},
    "launchType": {"launchType": "EC2"},
    "batchJobs": {"batchJobs": [json.dumps(TASK)]},
    "monitoring": {"monitoring": True, "alarmEmail": "team@example.com"},
    "monthlyBudgetUsd": {"monthlyBudgetUsd": 10, "budgetEmail": "team@example.com"},
}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("setting", CASES)
def test_every_setting_beyond_the_emulated_aws_is_named_as_the_reason(setting: str) -> None:
    recorded = run_main("local", config=CASES[setting])
    own = {"pulumi:pulumi:Stack", *(one.type for one in recorded if one.type.startswith("recommender:"))}
    types = {one.type for one in recorded} - own - set(HANDLERS)
    functions = {token for token, _ in recorded.calls} - set(INVOKES)
    reasons = {UnsupportedError("resource type", token).setting for token in types | functions}
    assert any(setting in reason.replace(" or ", ", ").split(", ") for reason in reasons)
    assert "" not in reasons


def test_every_named_setting_exists() -> None:
    declared = yaml.safe_load((PROJECT_DIR / "Pulumi.yaml").read_text())["config"]
    assert {name for names in SETTINGS.values() for name in names.replace(" or ", ", ").split(", ")} <= set(declared)


def test_what_no_setting_explains_is_told_without_a_guess() -> None:
    message = str(UnsupportedError("resource type", "aws:moon/base:Base"))
    assert message.startswith("the program needs the resource type aws:moon/base:Base")
    assert "a real account can" in message
