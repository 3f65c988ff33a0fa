"""The stack `local` asks nothing of AWS itself, whatever is set."""

from pathlib import Path

import pytest
import yaml

from tests.infra.answers import Aws
from tests.infra.recorder import ROOT, run_main
from tests.infra.test_program import VARIANTS, ZONES

NAMED_OTHERWISE = {"appautoscaling": "applicationautoscaling", "lb": "elbv2", "vpc": "ec2"}
"""The provider's endpoint of a module of pulumi-aws, where it has another name."""
BESIDE = {"cloudwatch": {"logs"}, "index": {"sts"}}
"""Further services that a module's resources and functions call."""


@pytest.fixture(params=VARIANTS)
def services(request: pytest.FixtureRequest, project: Path) -> set[str]:
    stack, config = VARIANTS[request.param]
    recorded = run_main(stack, config=config, aws=Aws(zones=ZONES, hosted_zones={"example.com": "ZEXAMPLE"}))
    tokens = [one.type for one in recorded] + [token for token, _ in recorded.calls]
    modules = {token.split(":")[1].partition("/")[0] for token in tokens if token.startswith("aws:")}
    beside = {service for module in modules for service in BESIDE.get(module, ())}
    return {NAMED_OTHERWISE.get(module, module) for module in modules - {"index"}} | beside


def test_every_service_that_the_program_calls_has_an_endpoint_on_this_machine(services: set[str]) -> None:
    config = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
    endpoints = {name: url for one in config["aws:endpoints"] for name, url in one.items()}
    assert services <= set(endpoints)
    assert set(endpoints.values()) == {"http://localhost:4566"}
