"""Claims about the tests' own recorder, and what every resource shares."""

import json

import pulumi
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


@pytest.mark.parametrize("trigger", ["FARGATE", [2, "cron(0 7 ? * * *)"], {"size": 1}])
def test_a_replacement_trigger_is_recorded_as_a_value_that_a_state_file_can_hold(trigger: object) -> None:
    def program() -> None:
        aws.ecs.Cluster("films-cluster", opts=pulumi.ResourceOptions(replacement_trigger=trigger))

    recorded = run(program).one("aws:ecs/cluster:Cluster").replacement_trigger
    assert json.loads(json.dumps(recorded)) == trigger
