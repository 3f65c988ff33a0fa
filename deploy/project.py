"""Where the project is, which stacks it has, and what their files hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.errors import DeployError

PROJECT_DIR = Path(__file__).resolve().parent.parent
LOCAL_STACK = "local"

STACK_FILE_KEYS: Final = ("config", "secretsprovider", "encryptedkey", "encryptionsalt", "environment")
"""What Pulumi reads in a stack's file. Source: https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
("Pulumi stack settings file reference")"""


def check_stack(stack: str) -> Path:
    """The stack's configuration file; raises `DeployError` with the stacks that there are when it has none, and for a
    file that `read_stack_file` refuses."""
    file = PROJECT_DIR / f"Pulumi.{stack}.yaml"
    known = sorted(path.name.split(".")[1] for path in PROJECT_DIR.glob("Pulumi.*.yaml"))
    if stack not in known:
        raise DeployError(
            f"There is no stack {stack!r}. There are: {', '.join(known)}. "
            f"For another one, write {file.name} after the pattern of Pulumi.dev.yaml."
        )
    read_stack_file(file)
    return file


def read_stack_file(file: Path) -> dict[str, Any]:
    """What a stack's file says, `config` always among it.

    Raises `DeployError` for a file that is not YAML, and for what stands where nothing reads it.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DeployError(f"{file.name} cannot be read: {error}\nTo mend it: write it as Pulumi.dev.yaml is.") from None
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise DeployError(f"{file.name} is not a mapping with settings under `config:`; Pulumi.dev.yaml is a pattern.")
    stray = [str(key) for key in document if key not in STACK_FILE_KEYS]
    if stray:
        raise DeployError(
            f"{file.name} has {', '.join(stray)} outside `config:`, where nothing reads it; allowed there: "
            f"{', '.join(STACK_FILE_KEYS)}.\nTo mend it: put settings under `config:`, such as "
            f"recommender:{stray[0].rpartition(':')[2]}, and take out what is none."
        )
    config = document.get("config") or {}
    if odd := [key for key in config if not isinstance(key, str)]:
        raise DeployError(
            f"{file.name} has {odd[0]!r} under `config:`; allowed: names, such as recommender:desiredCount."
        )
    return {**document, "config": config}


def default_settings() -> dict[str, str]:
    """What Pulumi.yaml declares, with its default in the text that Pulumi hands to a program."""
    declared = yaml.safe_load((PROJECT_DIR / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    defaults = {key: spec["default"] for key, spec in declared.items()}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in defaults.items()}
