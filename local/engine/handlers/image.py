"""The image: built by Docker with BuildKit and pushed to the emulated registry."""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from local.docker_engine import buildkit_environment, connect, shares_host_network
from local.engine.aws import Aws, find
from local.engine.handlers.base import Handler, Inputs, Outputs, handles
from local.engine.registry_push import push_archive

BUILD_SECONDS = 900

_running: set[subprocess.Popen[str]] = set()


@handles("docker-build:index:Image")
class Image(Handler):
    """`docker-build:index:Image`. Tags are derived from the content: one that the registry has is not built again."""

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        reference = inputs["tags"][0]
        digest = _pushed_digest(aws, reference)
        if digest is None:
            _build(aws, inputs, reference)
            if inputs.get("push", True):
                aws.log(f"pushing {reference}")
                _push(aws, reference)
            digest = _pushed_digest(aws, reference)
        if digest is None:
            raise RuntimeError(f"the registry does not list {reference} after the push")
        return name, {**inputs, "secrets": None, "digest": digest, "ref": f"{reference}@{digest}", "contextHash": ""}

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return _pushed_digest(aws, outputs["tags"][0]) == str(outputs["digest"])

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        """Nothing: images are deleted with their repository, as on AWS with `forceDelete`."""


def _pushed_digest(aws: Aws, reference: str) -> str | None:
    """The digest that the registry lists for `host/repository:tag`, or None."""
    ecr = aws.client("ecr")
    repository, tag = _repository_and_tag(aws, reference)
    images = [{"imageTag": tag}]
    found = find(lambda: ecr.describe_images(repositoryName=repository, imageIds=images)["imageDetails"])
    return str(found[0]["imageDigest"]) if found else None


def _repository_and_tag(aws: Aws, reference: str) -> tuple[str, str]:
    repository, _, tag = reference.removeprefix(f"{aws.registry_host}/").rpartition(":")
    return repository, tag


def _push(aws: Aws, reference: str) -> None:
    """Push with the engine, or, where it does not reach this machine's loopback, from this process."""
    with contextlib.closing(connect()) as engine:
        if shares_host_network(engine):
            _docker(aws, ["push", reference])
            return
        with tempfile.TemporaryFile() as archive:
            archive.writelines(engine.api.get_image(reference))
            push_archive(archive, f"http://{aws.registry_host}", *_repository_and_tag(aws, reference))


def _build(aws: Aws, inputs: Inputs, reference: str) -> None:
    context = inputs["context"]["location"]
    dockerfile = (inputs.get("dockerfile") or {}).get("location") or str(Path(context) / "Dockerfile")
    command = ["build", "--file", dockerfile, "--tag", reference]
    for key, value in sorted((inputs.get("buildArgs") or {}).items()):
        command += ["--build-arg", f"{key}={value}"]
    for key, value in sorted((inputs.get("labels") or {}).items()):
        command += ["--label", f"{key}={value}"]
    if inputs.get("target"):
        command += ["--target", inputs["target"]]
    for platform in inputs.get("platforms") or []:
        command += ["--platform", platform]
    aws.log(f"building {reference}")
    with _secret_files(inputs.get("secrets") or {}) as secrets:
        _docker(aws, [*command, *secrets, context])


@contextlib.contextmanager
def _secret_files(secrets: dict[str, str]) -> Iterator[list[str]]:
    """Build secrets as files that only this user may read, deleted after the build."""
    with tempfile.TemporaryDirectory(prefix="build-secrets-") as folder:
        options: list[str] = []
        for key, value in sorted(secrets.items()):
            path = Path(folder) / key
            path.touch(mode=0o600)
            path.write_text(value)
            options += ["--secret", f"id={key},src={path}"]
        yield options


def _docker(aws: Aws, arguments: list[str]) -> None:
    """Run the docker client, log its progress line by line, and raise with the end of its output."""
    process = subprocess.Popen(
        [aws.docker_cli, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=buildkit_environment(),
    )
    assert process.stdout is not None  # noqa: S101 - stdout is a pipe
    lines: list[str] = []
    _running.add(process)
    with process:
        for line in process.stdout:
            lines.append(line.rstrip())
            if _is_progress(line):
                aws.log(line.rstrip())
        process.wait(timeout=BUILD_SECONDS)
    _running.discard(process)
    if process.returncode:
        end = "\n".join(lines[-20:])
        raise RuntimeError(f"docker {arguments[0]} failed:\n{end}")


def stop_builds() -> None:
    """Terminate running docker clients, when the run is interrupted."""
    for process in list(_running):
        process.terminate()


def _is_progress(line: str) -> bool:
    """Whether a line starts a build step or reports a push; the others are shown only after a failure."""
    return bool(re.match(r"#\d+ \[\S+ \d+/\d+\]|.*: (Pushed|digest)", line))
