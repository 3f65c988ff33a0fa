"""`make down`: everything that `make up` made goes, and nothing else."""

from __future__ import annotations

import shutil
import subprocess

import deploy
from local import docker_engine, emulated_aws
from local.base_image import remove_base_images
from local.console import say, step
from local.errors import LocalError
from local.settings import PROJECT_DIR, LocalSettings


def down(settings: LocalSettings) -> None:
    """Destroy the stack, stop the emulated AWS, remove images and state, and stop the engine if it was started here."""
    try:
        client = docker_engine.connect()
    except LocalError:
        client = None
    if emulated_aws.daemon(settings).running():
        with step("Destroying the stack `local`") as now:
            try:
                now.note(deploy.destroy("local").summary())
            except deploy.DeployError as error:
                # What the emulated AWS still holds goes with it; its containers are removed below.
                now.note(f"given up ({error}); it goes with the emulated AWS")
    with step("Emulated AWS") as now:
        now.note("stopped" if emulated_aws.stop_emulator(settings) else "did not run")
    if client is not None:
        with step("Containers and images") as now:
            containers = emulated_aws.remove_task_containers(client, settings)
            images = emulated_aws.remove_pushed_images(client, settings)
            remove_base_images(client)
            now.note(f"{containers} leftover containers and {images} image names removed")
    engine = docker_engine.daemon(settings.state_dir)
    if engine.running():
        with step("Docker engine that `make up` started") as now:
            subprocess.run([docker_engine.buildkit_cli(), "builder", "prune", "-af"], check=False, capture_output=True)
            engine.stop()
            now.note("stopped")
    for folder in (settings.state_dir, PROJECT_DIR / ".build"):
        shutil.rmtree(folder, ignore_errors=True)
    say("Nothing of the local stack is left. The trained model stays; `make clean` removes it.")
