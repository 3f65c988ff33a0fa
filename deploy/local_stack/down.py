"""`make down`: everything that `make up` made goes, and nothing else."""

from __future__ import annotations

import shutil
import subprocess

import docker
from docker.errors import DockerException

import deploy
from local import docker_engine, emulated_aws
from local.base_image import remove_base_images
from local.console import say, step
from local.errors import LocalError
from local.settings import PROJECT_DIR, LocalSettings
from local.stack_record import load_record


def down(settings: LocalSettings) -> None:
    """Destroy the stack, stop the emulated AWS, remove images and state, and stop the engine if it was started here.

    Raises `LocalError` when something could not be removed, which a second call then goes on with, or when the stack
    could not be destroyed in order.
    """
    runs = emulated_aws.daemon(settings.state_dir).running() is not None
    started = runs or load_record(settings.state_dir) is not None
    in_order = _destroy() if runs else True
    with step("Emulated AWS") as now:
        now.note("stopped" if emulated_aws.stop_emulator(settings) else "did not run")
    if started:
        _remove_from_docker(settings)
    engine = docker_engine.daemon(settings.state_dir)
    if engine.running():
        with step("Docker engine that `make up` started") as now:
            subprocess.run([docker_engine.buildkit_cli(), "builder", "prune", "-af"], check=False, capture_output=True)
            engine.stop()
            now.note("stopped")
    for folder in (settings.state_dir, PROJECT_DIR / ".build"):
        shutil.rmtree(folder, ignore_errors=True)
    if not in_order:
        raise LocalError(
            "The stack was not destroyed resource by resource; the reason is above. The emulated AWS that held it was "
            "stopped, and its containers, images and state were removed."
        )
    say("Nothing of the local stack is left. The trained model stays; `make clean` removes it.")


def _destroy() -> bool:
    """Whether every resource of the stack could be deleted; what could not be goes with the emulated AWS."""
    with step("Destroying the stack `local`") as now:
        try:
            now.note(deploy.destroy("local").summary())
        except deploy.DeployError as error:
            now.give_up(str(error))
    return not now.given_up


def _remove_from_docker(settings: LocalSettings) -> None:
    with step("Containers and images") as now:
        try:
            containers, images = _remove(docker_engine.connect(), settings)
        except (LocalError, DockerException) as error:
            raise LocalError(
                f"The Docker engine did not remove what it may hold of the stack, containers of tasks and the images "
                f"{settings.registry_host}/… and recommender-base: {error}\n"
                "Start it again or mend that, then `make down` goes on."
            ) from error
        now.note(f"{containers} leftover containers and {images} image names removed")


def _remove(client: docker.DockerClient, settings: LocalSettings) -> tuple[int, int]:
    """Remove tasks' containers and images, and tell how many containers and image names there were."""
    containers = emulated_aws.remove_task_containers(client, settings)
    images = emulated_aws.remove_pushed_images(client, settings)
    remove_base_images(client)
    return containers, images
