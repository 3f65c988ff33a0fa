"""The image's layers are built while the model is trained, by the docker client that the deployment uses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from deploy.local_stack import image_layers
from deploy.local_stack.image_layers import build_options, building_layers
from local.errors import LocalError
from local.settings import LocalSettings
from tests.infra.recorder import run_main

CONFIG = {"baseImage": "base:1", "caBundle": "/certificates.pem"}
OF_THE_MODEL = "MODEL_VERSION"  # of the last stage


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a docker client is called with, a line each; its builds end when the file `go` is there."""
    written, docker = tmp_path / "calls", tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\necho "$@" >> {written}\n[ "$1" != build ] || while [ ! -e {tmp_path}/go ]; do sleep 0.05; done\n'
    )
    docker.chmod(0o755)
    monkeypatch.setattr(image_layers, "buildkit_cli", lambda: docker)
    return written


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_the_layers_are_built_meanwhile_and_waited_for_and_their_image_goes(
    calls: Path, settings: LocalSettings
) -> None:
    with building_layers(settings, CONFIG):
        _wait_for(calls)
        assert calls.read_text().startswith("build --target build --tag ")
        (calls.parent / "go").touch()
    build, removal = calls.read_text().splitlines()
    name = f"{settings.registry_host}/layers"
    assert f" --tag {name} --build-arg=PYTHON_IMAGE=base:1 --secret=id=ca-bundle,src=/certificates.pem /" in build
    assert removal == f"rmi {name}"


def test_a_failure_meanwhile_ends_the_build(calls: Path, settings: LocalSettings) -> None:
    def fail() -> None:
        with building_layers(settings, {"baseImage": "base:1"}):
            _wait_for(calls)
            raise LocalError("training failed")  # the build would go on for ever

    with pytest.raises(LocalError, match="training failed"):
        fail()
    assert len(calls.read_text().splitlines()) == 1


def test_without_buildkit_the_deployment_tells_it(settings: LocalSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise LocalError("no BuildKit")

    monkeypatch.setattr(image_layers, "buildkit_cli", missing)
    with building_layers(settings, CONFIG):
        pass


def test_the_options_are_those_of_the_deployment(project: Path) -> None:
    bundle = project / "bundle.pem"
    bundle.write_text("a certificate")
    config = {**CONFIG, "caBundle": str(bundle)}
    inputs: dict[str, Any] = run_main("local", config=config).one("docker-build:index:Image").inputs
    arguments = {name: value for name, value in inputs["buildArgs"].items() if name != OF_THE_MODEL}
    options = [f"--build-arg={name}={value}" for name, value in sorted(arguments.items())]
    options += [f"--secret=id={name},src={bundle}" for name in sorted(inputs["secrets"])]
    assert build_options(config) == options
    assert not inputs.get("target")
