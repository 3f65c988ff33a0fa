"""The configuration of a stack, as the Pulumi CLI hands it to the program."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """project: its name. values: every key with its namespace, as text. defaults: those that Pulumi.yaml declares."""

    project: str
    values: dict[str, str]
    defaults: dict[str, str]


def load_stack_config(project_dir: Path, stack: str, overrides: Mapping[str, Any] | None = None) -> StackConfig:
    """`Pulumi.yaml`'s defaults, `Pulumi.<stack>.yaml` over them, `overrides` over both.

    Keys without a namespace are the project's; values other than text become JSON.
    """
    document = yaml.safe_load((project_dir / "Pulumi.yaml").read_text(encoding="utf-8"))
    project = str(document["name"])
    stack_file = project_dir / f"Pulumi.{stack}.yaml"
    own = (yaml.safe_load(stack_file.read_text(encoding="utf-8")) or {}).get("config") if stack_file.exists() else None
    declared = (document.get("config") or {}).items()
    defaults = {key: spec.get("default") if isinstance(spec, dict) else spec for key, spec in declared}
    values: dict[str, Any] = {}
    for layer in (defaults, own or {}, overrides or {}):
        values.update({qualified(project, key): value for key, value in layer.items()})
    return StackConfig(
        project=project,
        values={key: as_text(value) for key, value in values.items() if value is not None},
        defaults={qualified(project, key): as_text(value) for key, value in defaults.items() if value is not None},
    )


def qualified(project: str, key: str) -> str:
    """The key with its namespace: the project's unless it has one."""
    return key if ":" in key else f"{project}:{key}"


def as_text(value: Any) -> str:
    """A configuration value as Pulumi hands it over: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, default=str)  # YAML has dates, which no setting is
