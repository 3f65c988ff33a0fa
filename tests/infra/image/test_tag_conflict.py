"""Claims about a push that is refused because the tag is taken."""

import pulumi
import pytest

from infra.image.tag_conflict import report_tag_conflict
from infra.image_reference import parse_image_uri
from tests.infra.recorder import run_main

IMAGE = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/recommender-dev:0123456789ab-ba9876543210"
REFUSED = "tag invalid: The image tag 'x' already exists in the 'y' repository and cannot be overwritten because the "


def told(error: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr("pulumi.log.error", messages.append)
    args = pulumi.ErrorHookArgs(
        urn="urn", id="", name="films-image", type="t", new_inputs={"tags": [IMAGE]}, errors=[error]
    )
    assert report_tag_conflict(args) is False
    return messages


def test_a_taken_tag_is_told_with_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    (message,) = told(REFUSED + "repository is immutable.", monkeypatch)
    uri = message.split("pulumi config set imageUri ")[1].split()[0]
    assert uri == IMAGE
    assert parse_image_uri(uri).model_version == "0123456789ab"
    assert "--repository-name recommender-dev --image-ids imageTag=0123456789ab-ba9876543210" in message


def test_other_errors_are_left_to_speak_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told("no space left on device", monkeypatch) == []
    assert told("the network already exists", monkeypatch) == []


@pytest.mark.usefixtures("project")
def test_the_image_carries_the_hook() -> None:
    hooks = run_main("dev").one("docker-build:index:Image").error_hooks
    assert hooks == ("recommender-dev-tag-taken",)
