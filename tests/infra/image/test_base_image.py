"""Claims about the base image: what is built on is known by its digest, and another one is another image."""

import re
from pathlib import Path

import pytest

from infra.image.build_context import BuildContext
from local.base_image import PULLED
from tests.infra.config.test_load import settings_of
from tests.infra.recorder import ROOT, run_main

PINNED = "python:3.13-slim-bookworm@sha256:" + "ab" * 32


def default_base_image(dockerfile: Path) -> str:
    (reference,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return str(reference)


def warnings_of(base_image: str, monkeypatch: pytest.MonkeyPatch, stack: str = "dev") -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", messages.append)
    settings_of({"baseImage": base_image}, stack)
    return messages


def test_the_default_base_image_is_pinned_by_digest() -> None:
    reference = default_base_image(ROOT / "model_service" / "Dockerfile")
    assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", reference)


def test_the_local_stack_pulls_the_tag_that_the_dockerfile_pins() -> None:
    assert default_base_image(ROOT / "model_service" / "Dockerfile").partition("@")[0] == PULLED


def test_another_digest_of_the_base_image_is_another_tag(project: Path) -> None:
    dockerfile = project / "model_service" / "Dockerfile"
    before = run_main("dev").exports["imageTag"]
    renewed = re.sub(r"@sha256:[0-9a-f]{64}", f"@sha256:{'0' * 64}", dockerfile.read_text(encoding="utf-8"))
    dockerfile.write_text(renewed, encoding="utf-8")
    assert run_main("dev").exports["imageTag"] != before


def test_every_base_image_of_the_dockerfile_is_the_pinned_one(project: Path) -> None:
    context = BuildContext(folder=project / "model_service", platform="linux/amd64")
    text = (context.folder / context.dockerfile).read_text(encoding="utf-8")
    assert set(re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE)) == {"${PYTHON_IMAGE}"}


def test_a_base_image_without_a_digest_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    (message,) = warnings_of("python:3.13-slim-bookworm", monkeypatch)
    assert message.startswith('recommender:baseImage is "python:3.13-slim-bookworm", which has no digest')
    assert "pulumi config set baseImage python:3.13-slim-bookworm@sha256:" in message
    assert warnings_of(PINNED, monkeypatch) == []
    assert warnings_of("", monkeypatch) == []


def test_the_base_image_made_on_this_machine_is_not_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings_of("recommender-base:bookworm-12345678-a", monkeypatch, stack="local") == []
