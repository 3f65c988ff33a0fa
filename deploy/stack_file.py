"""The configuration files of a project's stacks: checked, read, and laid over without being changed."""

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.errors import DeployError
from local.files import write_whole
from local.settings import PROJECT_DIR, STATE_FOLDER
from mock_runtime.stack_config import qualified

LOCAL_STACK: Final = "local"

STACK_FILE_KEYS: Final = ("config", "secretsprovider", "encryptedkey", "encryptionsalt", "environment")
"""What Pulumi reads in a stack's file. Source: https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
("Pulumi stack settings file reference")"""
SALT: Final = "encryptionsalt"


def check_stack(stack: str, project_dir: Path = PROJECT_DIR) -> Path:
    """The stack's configuration file; raises `DeployError`, with the existing stacks, for an unknown one, and for a
    file that `read_stack_file` rejects."""
    file = project_dir / f"Pulumi.{stack}.yaml"
    known = sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in project_dir.glob("Pulumi.*.yaml"))
    if stack not in known:
        close = get_close_matches(stack, known, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise DeployError(
            f"There is no stack {stack!r}. {hint}There are: {', '.join(known)}. "
            f"For another one, write {file.name} after the pattern of Pulumi.dev.yaml."
        )
    read_stack_file(file)
    return file


def read_stack_file(file: Path) -> dict[str, Any]:
    """The content of a stack's file, with `config` in any case.

    Raises `DeployError` for a file that is not YAML, for keys that nothing reads, and for a key that is there twice.
    """
    try:
        text = file.read_text(encoding="utf-8")
        document = yaml.safe_load(text) or {}
    except yaml.MarkedYAMLError as error:
        raise DeployError(_not_yaml(file, error)) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DeployError(f"{file.name} cannot be read: {error}\nTo fix it: follow Pulumi.dev.yaml.") from None
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise DeployError(f"{file.name} is not a mapping with settings under `config:`; Pulumi.dev.yaml is a pattern.")
    stray = [str(key) for key in document if key not in STACK_FILE_KEYS]
    if stray and (close := get_close_matches(stray[0], STACK_FILE_KEYS, n=1, cutoff=0.8)):
        raise DeployError(
            f"{file.name} has {stray[0]}, where nothing reads it; allowed there: {', '.join(STACK_FILE_KEYS)}.\n"
            f"To fix it: write {close[0]} in place of {stray[0]}."
        )
    if stray:
        example = stray[0] if ":" in stray[0] else f"recommender:{stray[0]}"
        raise DeployError(
            f"{file.name} has {', '.join(stray)} outside `config:`, where nothing reads it; allowed there: "
            f"{', '.join(STACK_FILE_KEYS)}.\nTo fix it: put settings under `config:`, such as "
            f"{example}, and remove everything else."
        )
    config = document.get("config") or {}
    if odd := [key for key in config if not isinstance(key, str)]:
        raise DeployError(
            f"{file.name} has {odd[0]!r} under `config:`; allowed: names, such as recommender:desiredCount."
        )
    _reject_repeated(file, text)
    return {**document, "config": config}


def lines_of_settings(file: Path) -> dict[str, list[int]]:
    """The lines, from 1, on which each key under `config:` is, as written."""
    return _lines(file.read_text(encoding="utf-8"))


def _lines(text: str) -> dict[str, list[int]]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines: dict[str, list[int]] = {}
    for name, node in root.value if isinstance(root, yaml.MappingNode) else []:
        if name.value == "config" and isinstance(node, yaml.MappingNode):
            for key, _ in node.value:
                lines.setdefault(str(key.value), []).append(key.start_mark.line + 1)
    return lines


def _reject_repeated(file: Path, text: str) -> None:
    """Raise `DeployError` for a setting that is there twice, with or without its namespace: one value is lost."""
    project = file.parent / "Pulumi.yaml"
    name = str(read_project(file.parent)["name"]) if project.is_file() else ""
    places: dict[str, list[int]] = {}
    for key, lines in _lines(text).items():
        places.setdefault(qualified(name, key), []).extend(lines)
    for key, lines in places.items():
        if len(lines) > 1:
            where = " and ".join(map(str, sorted(lines)))
            raise DeployError(
                f"{file.name} has {key} more than once, on lines {where}.\nTo fix it: remove all but one."
            )


def _not_yaml(file: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    fix = "indent with spaces, not tabs" if "\\t" in str(error.problem) else "follow Pulumi.dev.yaml"
    began = f" ({error.context} on line {error.context_mark.line + 1})" if error.context and error.context_mark else ""
    return f"{file.name} cannot be read: it is no YAML{place}: {error.problem}{began}.\nTo fix it: {fix}."


def read_project(project_dir: Path) -> dict[str, Any]:
    """The content of Pulumi.yaml."""
    return dict(yaml.safe_load((project_dir / "Pulumi.yaml").read_text(encoding="utf-8")))


def overlaid_file(project_dir: Path, stack: str, overrides: Mapping[str, Any]) -> Path:
    """The stack's file for the CLI: its own; with overrides a copy with them in the git-ignored `.build`."""
    own = project_dir / f"Pulumi.{stack}.yaml"
    if not overrides:
        return own
    merged = project_dir / ".build" / stack / own.name
    merged.parent.mkdir(parents=True, exist_ok=True)
    merged.write_text(yaml.safe_dump(_overlaid(project_dir, stack, overrides)))
    return merged


def create_workspace(project_dir: Path, stack: str, overrides: Mapping[str, Any], *, keep: bool = False) -> Path:
    """A folder in the state folder from which the CLI deploys a stack without a change of any file that is in git.

    It has a Pulumi.yaml whose program is this project's, in the environment of this process, and the stack's file with
    the overrides. What the CLI writes into the latter, a salt, stays. keep: leave one that is there as it is, for calls
    that only read, which may come while another one deploys.
    """
    folder = project_dir / STATE_FOLDER / "pulumi" / "workspace"
    file = folder / f"Pulumi.{stack}.yaml"
    if keep and file.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "program"  # Pulumi's `main` is a folder below the file
    if not program.is_symlink():
        program.symlink_to(project_dir.resolve())
    project = read_project(project_dir)
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}
    write_whole(folder / "Pulumi.yaml", yaml.safe_dump({**project, "runtime": runtime, "main": program.name}))
    salt = (yaml.safe_load(file.read_text()) or {}).get(SALT) if file.exists() else None
    document = _overlaid(project_dir, stack, overrides)
    write_whole(file, yaml.safe_dump({**document, **({SALT: salt} if salt else {})}))
    return folder


def _overlaid(project_dir: Path, stack: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    document = yaml.safe_load((project_dir / f"Pulumi.{stack}.yaml").read_text()) or {}
    project = read_project(project_dir)["name"]
    changes = {qualified(project, key): value for key, value in overrides.items()}
    return {**document, "config": {**(document.get("config") or {}), **changes}}
