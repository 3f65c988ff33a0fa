"""Claims about the tests' own recorder, and what every resource shares."""

import pulumi_aws as aws
import pytest

from infra.tags import register_default_tags
from mock_runtime.recorder import DuplicateUrnError
from tests.infra.recorder import run


def test_a_resources_own_tag_wins() -> None:
    def program() -> None:
        register_default_tags({"stack": "test", "team": "search"})
        aws.ecs.Cluster("films-cluster", tags={"team": "films"})

    tags = run(program).one("aws:ecs/cluster:Cluster").inputs["tags"]
    assert tags == {"stack": "test", "team": "films"}


def test_the_recorder_refuses_a_second_resource_under_one_name() -> None:
    def program() -> None:
        aws.ecs.Cluster("twin")
        aws.ecs.Cluster("twin")

    with pytest.raises(DuplicateUrnError, match="registered twice"):
        run(program)
