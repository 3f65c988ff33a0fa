"""The example beside the recommender on one emulated AWS."""

import json
import re
import urllib.request
from typing import Any

import pytest

from tests.e2e.conftest import Project

pytestmark = pytest.mark.e2e


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def _load_balancers(project: Project) -> list[str]:
    return [one["LoadBalancerName"] for one in project.aws("elbv2").describe_load_balancers()["LoadBalancers"]]


def test_another_container_is_deployed_beside_the_recommender_and_taken_down_alone(project: Project) -> None:
    before = len(project.task_containers())
    printed = project.run("deploy.local_stack", "example").stdout
    (url,) = re.findall(r"^Endpoint: (\S+)$", printed, flags=re.MULTILINE)
    assert _get(f"{url}/?name=you") == {"message": "Hello, you!"}
    assert _get(f"{project.url}/?uid=20&n=3")["success"] is True
    assert len(project.task_containers()) == before + 1

    project.run("deploy.local_stack", "example-down")
    assert [name for name in _load_balancers(project) if name.startswith("any-container")] == []
    assert len(project.task_containers()) == before
    assert _get(f"{project.url}/?uid=20&n=3")["success"] is True
    assert not (project.folder / "examples" / "any_container" / ".local").exists()
