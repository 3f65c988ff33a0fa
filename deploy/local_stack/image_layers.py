"""The layers of the service's image that need no model, built while the model is trained."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.docker_engine import buildkit_cli, buildkit_environment
from local.errors import LocalError
from local.settings import PROJECT_DIR, LocalSettings

CONTEXT = PROJECT_DIR / "model_service"
STAGE = "build"  # of the Dockerfile: packages, kernel and code


@contextmanager
def building_layers(settings: LocalSettings, config: Mapping[str, Any]) -> Iterator[None]:
    """Build the layers during the block, into Docker's build cache, where the deployment finds them.

    config: this machine's, with `baseImage` and, if it needs one, `caBundle`. A build that fails is not told: the
    deployment builds the same again and tells it. At the end it is waited for, or ended where the block failed.
    """
    try:
        docker = buildkit_cli()
    except LocalError:
        yield
        return
    image = f"{settings.registry_host}/layers"  # a name that `make down` removes, should this process not come to it
    command = [str(docker), "build", "--target", STAGE, "--tag", image, *build_options(config), str(CONTEXT)]
    quiet: dict[str, Any] = {"env": buildkit_environment(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as build:
        try:
            yield
            build.wait()
        finally:
            build.terminate()
    subprocess.run([str(docker), "rmi", image], check=False, **quiet)


def build_options(config: Mapping[str, Any]) -> list[str]:
    """Those of the deployment's own build that the layers depend on."""
    secret = [f"--secret=id=ca-bundle,src={config['caBundle']}"] if "caBundle" in config else []
    return [f"--build-arg=PYTHON_IMAGE={config['baseImage']}", *secret]
