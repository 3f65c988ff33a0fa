"""Claims about the example: the components deploy a container that is not the recommender's."""

import json
import runpy
from pathlib import Path

import pytest

from infra.contract import CONTAINER_NAME, CONTAINER_USER, READY_PATH
from tests.infra.answers import DIGEST
from tests.infra.recorder import ROOT, Recording, run

EXAMPLE = ROOT / "examples" / "any_container"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recording:
    (tmp_path / "app").symlink_to(EXAMPLE / "app")
    monkeypatch.chdir(tmp_path)
    return run(lambda: runpy.run_path(str(EXAMPLE / "__main__.py"), run_name="__main__"))


def test_the_program_has_at_most_40_lines() -> None:
    assert len((EXAMPLE / "__main__.py").read_text(encoding="utf-8").splitlines()) <= 40


def test_its_port_and_health_path_agree_everywhere(recorded: Recording) -> None:
    target_group = recorded.one("aws:lb/targetGroup:TargetGroup").inputs
    (into_tasks,) = [
        one.inputs
        for one in recorded.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if "referencedSecurityGroupId" in one.inputs
    ]
    (container,) = json.loads(recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    (attached,) = recorded.one("aws:ecs/service:Service").inputs["loadBalancers"]
    assert (target_group["port"], target_group["healthCheck"]["path"]) == (8000, "/healthz")
    assert (into_tasks["fromPort"], into_tasks["toPort"]) == (8000, 8000)
    assert container["portMappings"] == [{"containerPort": 8000, "hostPort": 8000, "protocol": "tcp"}]
    assert (attached["containerName"], attached["containerPort"]) == (container["name"], 8000)


def test_its_image_runs_by_digest_from_its_own_repository(recorded: Recording) -> None:
    (container,) = json.loads(recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    repository = recorded.one("aws:ecr/repository:Repository").inputs["name"]
    assert container["image"].endswith(f"/{repository}@{DIGEST}")
    assert repository == "recommender-test"  # project and stack of the run


def test_nothing_of_the_recommender_is_in_it(recorded: Recording) -> None:
    definition = recorded.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"]
    (container,) = json.loads(definition)
    assert [variable["name"] for variable in container["environment"]] == ["PORT"]
    assert not {"user", "healthCheck", "command", "entryPoint"} & set(container)
    for foreign in (READY_PATH, CONTAINER_USER, f'"{CONTAINER_NAME}"', "model_service", "MODEL_VERSION"):
        assert foreign not in definition
        assert foreign not in json.dumps(dict(recorded.one("aws:lb/targetGroup:TargetGroup").inputs))


def test_every_input_has_its_value(recorded: Recording) -> None:
    for resource in recorded:
        text = json.dumps(dict(resource.inputs))
        assert "Calling __str__" not in text, resource.name
        assert "null" not in text, resource.name


def test_it_has_one_load_balancer_one_service_and_no_alarm(recorded: Recording) -> None:
    census = recorded.census()
    assert census["aws:lb/loadBalancer:LoadBalancer"] == census["aws:ecs/service:Service"] == 1
    assert not [type_ for type_ in census if type_.startswith(("aws:cloudwatch/m", "aws:sns/", "aws:budgets/"))]
