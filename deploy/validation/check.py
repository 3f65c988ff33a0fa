"""Validates a stack's settings: runs the program in a process of its own and collects the result."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from botocore.loaders import create_loader

from deploy.errors import DeployError
from deploy.stack_file import check_stack, lines_of_settings, read_stack_file
from deploy.validation.result import CheckResult, PlannedResource
from local.settings import PROJECT_DIR
from mock_runtime.stack_config import StackConfig, load_stack_config, qualified

PATH_SETTINGS: Final = ("caBundle", "pipConf")
"""Settings that are paths, relative to the project's folder."""
NAMESPACES: Final = ("aws", "awsx", "docker", "docker-build", "pulumi")
"""Namespaces of keys beside the project's name: the providers and Pulumi itself."""
HIDDEN: Final = ("aws:accessKey", "aws:secretKey", "aws:token")


def check_settings(stack: str, overrides: Mapping[str, Any]) -> CheckResult:
    """The program's plan for a stack's settings; raises `DeployError` with the program's message when it refuses."""
    file = check_stack(stack, PROJECT_DIR)
    document = read_stack_file(file)
    config = load_stack_config(PROJECT_DIR, stack, overrides)
    project = config.project
    _check_provider_keys(config.values, file)
    secret_keys = _secret_keys(project, {**document["config"], **overrides})
    values = _absolute_paths(project, config.values)
    plan = _run_program({"project": project, "stack": stack, "values": values, "secret_keys": secret_keys})
    if "refused" in plan:
        raise DeployError(_with_hint(plan["refused"], file))
    return CheckResult(
        stack=stack,
        settings=_non_default(config, {*secret_keys, *HIDDEN}),
        resources=tuple(sorted(_resources(project, plan["registered"]))),
        estimate="\n".join(plan["messages"]),
        monthly_usd=plan["monthly_usd"] or 0.0,
        costs=plan["costs"],
        warnings=(*plan["warnings"], *_warnings(project, config.values, document)),
    )


def _run_program(request: Mapping[str, Any]) -> dict[str, Any]:
    """One run of `deploy.validation.program`, without Pulumi's own environment variables."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.validation.program"],
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


def _with_hint(message: str, file: Path) -> str:
    """The program's message; without the CLI that it mentions, also the file to edit."""
    hint = f"\nWithout the Pulumi CLI: edit {file.name}, the file that `pulumi config` writes."
    return message + (hint if "pulumi config" in message and not shutil.which("pulumi") else "")


def _absolute_paths(project: str, values: Mapping[str, str]) -> dict[str, str]:
    """The configuration with absolute paths: the program runs in another folder."""
    paths = {key: values.get(key, "").strip() for key in (f"{project}:{name}" for name in PATH_SETTINGS)}
    return {**values, **{key: str(PROJECT_DIR / path) for key, path in paths.items() if path and path[0] != "~"}}


def _non_default(config: StackConfig, hidden: set[str]) -> dict[str, str]:
    return {
        key.removeprefix(f"{config.project}:"): "(not shown)" if key in hidden else value
        for key, value in config.values.items()
        if value != config.defaults.get(key)
    }


def _warnings(project: str, values: Mapping[str, str], document: Mapping[str, Any]) -> Iterator[str]:
    """What the program itself cannot check: the provider's region, and keys that nothing reads."""
    region = values.get("aws:region", "")
    if not region:
        yield "aws:region is not set; the deployment takes it from its environment or profile"
    elif region not in _regions():
        yield f"aws:region is {region}, which is no region of AWS that is known here"
    for key in values:
        if key.partition(":")[0] not in (project, *NAMESPACES):
            yield f"{key} is read by nothing; settings of this program begin with {project}:{_suggestion(project, key)}"
    if "environment" in document:
        yield "what the environment named in the stack's file (Pulumi ESC) adds is not checked"


def _suggestion(project: str, key: str) -> str:
    namespace, _, name = key.partition(":")
    near = get_close_matches(namespace, (project, *NAMESPACES), n=1)
    return f"; did you mean {near[0]}:{name}?" if near else ""


def _check_provider_keys(values: Mapping[str, str], file: Path) -> None:
    """Raise `DeployError` for a key of the AWS provider that it does not have: the deployment would ignore it."""
    known = _provider_keys()
    for key in values:
        namespace, _, name = key.partition(":")
        if namespace == "aws" and name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean aws:{close[0]}?" if close else f"known: {', '.join(sorted(known))}"
            lines = lines_of_settings(file).get(key, [])
            place = f"{file.name}, line {lines[0]}" if lines else "the settings of this call"
            fix = f"write aws:{close[0]} in place of it" if close else "remove it"
            raise DeployError(f"{key} is no setting of the AWS provider; {hint}\nTo fix it: {fix} in {place}.")


def _provider_keys() -> frozenset[str]:
    """From the provider's type stubs: to import it takes seconds."""
    spec = find_spec("pulumi_aws")
    if spec is None or spec.origin is None:
        raise DeployError("The package pulumi_aws is not installed.\nTo fix it: make .venv/.installed-stack")
    stubs = Path(spec.origin).parent / "config" / "__init__.pyi"
    return frozenset(re.findall(r"^(\w+): ", stubs.read_text(encoding="utf-8"), flags=re.MULTILINE))


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
    encrypted = {qualified(project, key): _encrypted(value) for key, value in values.items()}
    return [key for key in encrypted if encrypted[key]]


def _encrypted(value: object) -> bool:
    """Whether Pulumi holds a value, or a part of it, encrypted."""
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(_encrypted(item) for item in value.values())
    return isinstance(value, list) and any(_encrypted(item) for item in value)
