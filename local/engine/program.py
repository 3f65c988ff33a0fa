"""Runs the Pulumi program in this process against a monitor, with the stack's configuration."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import pulumi
import yaml

from local.engine.monitor import Engine, Monitor, plain


def stack_config(project_dir: Path, stack: str, overrides: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The project's name and the stack's whole configuration, as the CLI would hand it to the program.

    `Pulumi.yaml`'s defaults, then `Pulumi.<stack>.yaml`, then `overrides`; keys without a namespace are the project's.
    """
    project = yaml.safe_load((project_dir / "Pulumi.yaml").read_text())
    name = str(project["name"])
    defaults: dict[str, Any] = {}
    for key, declared in (project.get("config") or {}).items():
        defaults[key] = declared.get("default", declared.get("value")) if isinstance(declared, dict) else declared
    stack_file = project_dir / f"Pulumi.{stack}.yaml"
    own = (yaml.safe_load(stack_file.read_text()) or {}).get("config") or {} if stack_file.exists() else {}
    values: dict[str, Any] = {}
    for layer in (defaults, own, overrides):
        values.update({_qualified(name, key): value for key, value in layer.items()})
    return name, {key: _text(value) for key, value in values.items() if value is not None}


def run(project_dir: Path, *, stack: str, config: dict[str, str], project: str, engine: Engine, dry_run: bool) -> Any:
    """Evaluate `__main__.py` and return the stack's outputs; raises what the program or a resource raised."""
    os.chdir(project_dir)
    sys.path.insert(0, str(project_dir))
    pulumi.runtime.set_all_config(config)
    pulumi.runtime.set_mocks(engine, project=project, stack=stack, preview=dry_run, monitor=Monitor(engine))
    outputs: dict[str, Any] = {}

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def evaluate() -> Any:
        runpy.run_path(str(project_dir / "__main__.py"), run_name="__main__")
        root: Any = pulumi.runtime.get_root_resource()
        exported = dict(root.outputs) if root is not None else {}
        return pulumi.Output.all(**exported).apply(outputs.update) if exported else None

    evaluate()
    return plain(outputs)


def _qualified(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str)  # YAML has dates, which no setting is
