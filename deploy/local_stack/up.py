"""`make up`: brings up the stack `local`, up to ten recommendations through the load balancer."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

import deploy
from deploy.local_stack.image_layers import building_layers
from deploy.pulumi_command import install_pulumi
from local import emulated_aws
from local.base_image import ensure_base_image
from local.console import BOLD, Step, echo, paint, step
from local.docker_engine import ensure_docker
from local.errors import LocalError
from local.lock import exclusive
from local.settings import DEFAULT_PORTS, PROJECT_DIR, STATE_DIR, LocalSettings, load_settings
from local.stack_record import StackRecord, save_record
from model_service.metadata import ArtifactError, read_model_version

ARTIFACT_DIR = PROJECT_DIR / "model_service" / "artifact"
SAMPLE_USER = "20"
_WORSE_THAN_SIMPLE = 3  # exit status of the training
SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")


def prepare(settings: LocalSettings | None = None) -> dict[str, Any]:
    """Start or install what the stack `local` needs and does not find: Docker engine, emulated AWS, base image, CLI.

    Returns what this machine adds to the stack's configuration. `deploy` uses it for the stack `local` from then on,
    under the `config` of a call. Raises `LocalError` with what is in the way.
    """
    with exclusive(settings.state_dir if settings else STATE_DIR, "prepare"):
        settings = settings or load_settings()
        with step("Docker engine") as now:
            docker = ensure_docker(settings.state_dir, now)
        with step("Emulated AWS") as now:
            emulated_aws.ensure_emulator(settings, now)
        with step("Base image") as now:
            base_image = ensure_base_image(docker, now, clone=settings.clone)
        with step("Pulumi CLI") as now:
            install_pulumi(now)
        config = machine_config(settings, base_image)
        ports = {"aws_port": settings.aws_port, "endpoint_port": settings.endpoint_port}
        save_record(settings.state_dir, StackRecord(**ports, config=config))
        return config


def up(settings: LocalSettings) -> None:
    """Deploy the stack `local`, without the steps already done; raises `LocalError` or `DeployError`."""
    config = prepare(settings)
    with step("Trained model", ticking=False) as now:  # the training tells its progress itself
        ensure_model(now, meanwhile=building_layers(settings, config))
    echo(f"• Deploying the stack `local` ({deploy.engine_name('local')})")
    with step("Deployment") as now:
        result = deploy.up("local", config=config)
        now.set_outcome(result.summary())
    with step("First answer") as now:
        uid, answer = first_recommendations(settings.endpoint_url)
        now.set_outcome(f"{len(answer['response'])} recommendations through the load balancer")
    print_summary(result.outputs, uid, answer)


def machine_config(settings: LocalSettings, base_image: str) -> dict[str, Any]:
    """This machine's additions to `Pulumi.local.yaml`: base image, CA bundle, ports other than the defaults."""
    config: dict[str, Any] = {"baseImage": base_image}
    bundle = find_ca_bundle()
    if bundle is not None:
        config["caBundle"] = str(bundle)
    if (settings.aws_port, settings.endpoint_port) != (DEFAULT_PORTS["AWS_PORT"], DEFAULT_PORTS["ENDPOINT_PORT"]):
        config["registryHost"] = settings.registry_host
        config["publicUrl"] = settings.endpoint_url
        config["aws:endpoints"] = _endpoints(settings.aws_url)
    return config


def _endpoints(aws_url: str) -> list[dict[str, str]]:
    """The stack file's endpoints of the AWS provider, at another URL."""
    own = yaml.safe_load((PROJECT_DIR / "Pulumi.local.yaml").read_text())["config"]
    return [dict.fromkeys(services, aws_url) for services in own["aws:endpoints"]]


def find_ca_bundle() -> Path | None:
    """The CA bundle that the image build needs: one named in the environment, or the system's with additions."""
    for key in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"):
        named = os.environ.get(key)
        if named and Path(named).is_file():
            return Path(named)
    added = list(Path("/usr/local/share/ca-certificates").rglob("*.crt"))
    return SYSTEM_CA if added and SYSTEM_CA.is_file() else None


def ensure_model(now: Step, *, meanwhile: AbstractContextManager[None]) -> None:
    """Train the default model unless there is a valid artifact; a broken one is an error, and not overwritten.

    meanwhile: entered if there is a training, and left when it has ended.
    """
    if not ARTIFACT_DIR.exists():
        training = [sys.executable, "-m", "model_service.training"]
        with meanwhile:
            status = subprocess.run(training, cwd=PROJECT_DIR, check=False).returncode
        if status == _WORSE_THAN_SIMPLE:
            raise LocalError(
                "The trained model is worse than a simple one, as the report above says; nothing was written. "
                '`make train ARGS="--no-gate"` writes it all the same, `make up` then deploys it.'
            )
        if status:
            raise LocalError("Training failed; its message is above. `make train` runs it alone.")
        now.set_outcome("trained")
    try:
        version = read_model_version(ARTIFACT_DIR)
    except ArtifactError as error:
        raise LocalError(f"{error}\nThe folder was left as it is.") from error
    now.set_outcome(f"{now.outcome if now.outcome == 'trained' else 'there already'}, version {version}")


def first_recommendations(url: str) -> tuple[str, dict[str, Any]]:
    """A user and the ten best films for them: user 20, or the model's first user where that one is unknown."""
    answer = fetch(url, _target(SAMPLE_USER))
    if not answer.get("cold_start"):
        return SAMPLE_USER, answer
    try:
        uid = str(fetch(url, "/users?n=1", seconds=0.0)["users"][0])
        return uid, fetch(url, _target(uid), seconds=0.0)
    except (LocalError, LookupError):  # another image need not have the route /users
        return SAMPLE_USER, answer


def _target(uid: str) -> str:
    return f"/?uid={urllib.parse.quote(uid, safe='')}"


def fetch(url: str, path: str, *, seconds: float = 30.0) -> dict[str, Any]:
    """The JSON object at a path of the endpoint, retried for up to `seconds`; raises `LocalError` without one."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}{path}", timeout=10) as answer:  # noqa: S310 - own http address
                return dict(json.load(answer))
        except (urllib.error.URLError, OSError, ValueError) as error:
            if time.monotonic() >= deadline:
                raise LocalError(f"{url} does not answer: {error}. `make status` shows the tasks.") from error
            time.sleep(0.5)


def print_summary(outputs: dict[str, Any], uid: str, answer: dict[str, Any]) -> None:
    """Print the URL, model, image and recommendations, and what can be done next."""
    echo("")
    echo(f"Endpoint: {outputs['url']}")
    echo(f"Model:    {outputs['modelVersion']}")
    echo(f"Image:    {outputs['imageDigest']}")
    echo("")
    what = f"The ten best films that user {uid} has not rated, in the model's order"
    if answer.get("cold_start"):
        what = f"Ten popular films for user {uid} ({answer.get('reason', 'who is not in the data')})"
    echo(f"{what}, from {outputs['url']}{_target(uid)}")
    for place, (title, stars) in enumerate(answer["response"], start=1):
        echo(f"{place:4}. {'' if stars is None else f'{stars:5.2f}  '}{title}")
    echo("")
    echo(paint("Next", BOLD))
    for what, how in next_steps(str(outputs["url"]), uid):
        echo(f"  {what:<15}{how}")


def next_steps(url: str, uid: str) -> list[tuple[str, str]]:
    """What can be done with the stack that is up, and how."""
    return [
        ("page", f"{url}/ui"),
        ("API", f"curl '{url}{_target(uid)}&n=3'"),
        ("API's page", f"{url}/docs"),
        ("your own data", 'make train ARGS="--data FOLDER", then make up'),
        ("notebook", "make notebook"),
        ("logs", "make logs"),
        ("state", "make status"),
        ("end", "make down"),
    ]
