"""The Pulumi plugin `docker-build` for machines that cannot download it: the same resource, built by the local Docker.

Answers the engine's calls for `docker-build:index:Image` as the released plugin does for what this project uses. With
the builder `default` the Docker engine itself builds and pushes; any other runs in a container of its own, which
reaches neither a registry on this machine's loopback nor its images: here, as there, it fails.
"""

import hashlib
import json
import re
import subprocess
import tempfile
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.docker_engine import buildkit_cli, buildkit_environment

VERSION = "0.0.22"
NOT_COMPARED = ("registries", "secrets", "ignoreSecretsInDiffCalculation", "buildOnPreview")
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # the engine's mark of a value that a preview does not know


class DockerBuild(provider_pb2_grpc.ResourceProviderServicer):  # type: ignore[misc] # generated without types
    """The provider; methods are named after the engine's calls."""

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=False)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        old, new = json_format.MessageToDict(request.olds), json_format.MessageToDict(request.news)
        changed = [key for key in new if key not in NOT_COMPARED and new[key] != old.get(key)]
        if old.get("contextHash") != context_hash(new):
            changed.append("contextHash")
        kinds = provider_pb2.DiffResponse
        return kinds(changes=kinds.DIFF_SOME if changed else kinds.DIFF_NONE, diffs=changed)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CreateResponse(
            id=request.urn.rpartition("::")[2], properties=build(request.properties, context)
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.UpdateResponse(properties=build(request.news, context))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()


def build(properties: Any, context: Any) -> Any:
    """Build and push the image, and return its properties; aborts the call with the end of the output."""
    inputs = json_format.MessageToDict(properties)
    if (inputs.get("builder") or {}).get("name") != "default":
        context.abort(grpc.StatusCode.UNKNOWN, "booting builder: a builder in a container does not reach this registry")
    command = ["build", "--file", inputs["dockerfile"]["location"], "--platform", ",".join(inputs["platforms"])]
    command += [f"--tag={tag}" for tag in inputs["tags"]]
    command += [f"--build-arg={key}={value}" for key, value in (inputs.get("buildArgs") or {}).items()]
    with tempfile.TemporaryDirectory(prefix="build-secrets-") as folder:
        for key, value in (inputs.get("secrets") or {}).items():
            (Path(folder) / key).write_text(value)
            command.append(f"--secret=id={key},src={Path(folder) / key}")
        run(context, [*command, inputs["context"]["location"]])
    pushed = run(context, ["push", inputs["tags"][0]])
    digest = re.findall(r"digest: (sha256:[0-9a-f]{64})", pushed)[-1]
    outputs = struct_pb2.Struct()
    outputs.CopyFrom(properties)
    reference = f"{inputs['tags'][0]}@{digest}"
    outputs.update({"digest": digest, "ref": reference, "contextHash": context_hash(inputs)})
    return outputs


def run(context: Any, arguments: list[str]) -> str:
    """The output of a docker command; aborts the call when it fails."""
    done = subprocess.run(
        [buildkit_cli(), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=buildkit_environment(),
        check=False,
    )
    if done.returncode:
        context.abort(grpc.StatusCode.UNKNOWN, f"docker {arguments[0]}: {done.stdout[-2000:]}")
    return done.stdout


def context_hash(inputs: dict[str, Any]) -> str:
    """A hash over the files of the build context; UNKNOWN inputs have none."""
    location = (inputs.get("context") or {}).get("location", UNKNOWN)
    if location == UNKNOWN:
        return ""
    digest = hashlib.sha256()
    for path in sorted(one for one in Path(location).rglob("*") if one.is_file()):
        digest.update(json.dumps([path.relative_to(location).as_posix(), path.stat().st_mode & 0o777]).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Serve the provider on a port of its own, told on standard output, until the engine ends it."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(DockerBuild(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
