"""Runs the program with a stack's settings in a process of its own, and gathers what it says of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from botocore.loaders import create_loader

from deploy.checking.result import Checked, PlannedResource
from deploy.errors import DeployError
from deploy.project import PROJECT_DIR, check_stack, default_settings, read_stack_file
from local.engine.program import stack_config

FILES: Final = ("caBundle", "pipConf")
"""Settings that are paths, seen from the project's folder."""
NAMESPACES: Final = ("aws", "awsx", "docker", "docker-build", "pulumi")
"""What keys may begin with beside the project's name: the providers and Pulumi itself."""
HIDDEN: Final = ("aws:accessKey", "aws:secretKey", "aws:token")


def check_settings(stack: str, overrides: Mapping[str, Any]) -> Checked:
    """What the program makes of a stack's settings; raises `DeployError` with its own message when it refuses them."""
    file = check_stack(stack)
    document = read_stack_file(file)
    project, config = stack_config(PROJECT_DIR, stack, dict(overrides))
    secret_keys = _secret_keys(project, {**document["config"], **overrides})
    answer = _run({"project": project, "stack": stack, "config": _found(project, config), "secret_keys": secret_keys})
    if "refused" in answer:
        raise DeployError(_refusal(answer["refused"], file))
    return Checked(
        stack=stack,
        settings=_differing(project, config, {*secret_keys, *HIDDEN}),
        resources=tuple(sorted(_resources(project, answer["registered"]))),
        estimate="\n".join(answer["told"]),
        monthly_usd=answer["monthly_usd"] or 0.0,
        costs=answer["costs"],
        warnings=(*answer["warnings"], *_doubts(project, config, document)),
    )


def _run(request: Mapping[str, Any]) -> dict[str, Any]:
    """One run of `deploy.checking.program`; what Pulumi's own variables say is no setting of the stack."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.checking.program"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_DIR,
        env={key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
    )
    if done.returncode:
        raise DeployError(f"The program failed, and not by a refusal of its own:\n{done.stderr[-3000:].strip()}")
    return dict(json.loads(done.stdout))


def _refusal(message: str, file: Path) -> str:
    """The program's own words, which speak of a command that may not be there."""
    hint = f"\nWithout the Pulumi CLI: edit {file.name}, which is what `pulumi config` writes into."
    return message + (hint if "pulumi config" in message and not shutil.which("pulumi") else "")


def _found(project: str, config: Mapping[str, str]) -> dict[str, str]:
    """The configuration with paths that hold in any folder."""
    paths = {key: config.get(key, "").strip() for key in (f"{project}:{name}" for name in FILES)}
    return {**config, **{key: str(PROJECT_DIR / path) for key, path in paths.items() if path and path[0] != "~"}}


def _differing(project: str, config: Mapping[str, str], hidden: set[str]) -> dict[str, str]:
    defaults = {f"{project}:{key}": value for key, value in default_settings().items()}
    differing = {key: value for key, value in config.items() if value != defaults.get(key)}
    return {
        key.removeprefix(f"{project}:"): "(not shown)" if key in hidden else value for key, value in differing.items()
    }


def _doubts(project: str, config: Mapping[str, str], document: Mapping[str, Any]) -> Iterator[str]:
    """What the program cannot see: whether anything reads a key, and whether its provider will know where to go."""
    region = config.get("aws:region", "")
    if not region:
        yield "aws:region is not set; it will be that of the environment or the profile of whoever deploys"
    elif region not in _regions():
        yield f"aws:region is {region}, which is no region of AWS that is known here"
    for key in config:
        if key.partition(":")[0] not in (project, *NAMESPACES):
            yield f"{key} is read by nothing; settings of this program begin with {project}:"
    if "environment" in document:
        yield "what the environment named in the stack's file (Pulumi ESC) adds is not looked at"


def _regions() -> set[str]:
    """From the SDK's own data, since a session would want the profile that the environment names."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    return {region for partition in partitions for region in partition["regions"]}


def _resources(project: str, registered: Mapping[str, Mapping[str, str]]) -> Iterator[PlannedResource]:
    """Everything but the components themselves."""
    for urn, one in registered.items():
        if not one["type"].startswith(f"{project}:infra:"):
            yield PlannedResource(component=_component(registered, urn), type=one["type"], name=one["name"])


def _component(registered: Mapping[str, Mapping[str, str]], urn: str) -> str:
    """`Network` for what belongs, however indirectly, to a component of that type."""
    parent = registered[urn]["parent"]
    if parent not in registered:
        return registered[urn]["type"].rpartition(":")[2]
    return _component(registered, parent)


def _secret_keys(project: str, values: Mapping[str, Any]) -> list[str]:
    """Every key whose value Pulumi holds encrypted, with its namespace; the last one counts of a key written twice."""
    sealed = {key if ":" in key else f"{project}:{key}": _sealed(value) for key, value in values.items()}
    return [key for key in sealed if sealed[key]]


def _sealed(value: object) -> bool:
    """Whether Pulumi holds a value, or a part of it, encrypted."""
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(_sealed(item) for item in value.values())
    return isinstance(value, list) and any(_sealed(item) for item in value)
