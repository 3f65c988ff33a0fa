"""The configuration files of a project's stacks: checked, read, and laid over without being changed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.errors import DeployError
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
    known = sorted(path.name.split(".")[1] for path in project_dir.glob("Pulumi.*.yaml"))
    if stack not in known:
        raise DeployError(
            f"There is no stack {stack!r}. There are: {', '.join(known)}. "
            f"For another one, write {file.name} after the pattern of Pulumi.dev.yaml."
        )
    read_stack_file(file)
    return file


def read_stack_file(file: Path) -> dict[str, Any]:
    """The content of a stack's file, with `config` in any case.

    Raises `DeployError` for a file that is not YAML, and for keys that nothing reads.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DeployError(f"{file.name} cannot be read: {error}\nTo fix it: follow Pulumi.dev.yaml.") from None
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise DeployError(f"{file.name} is not a mapping with settings under `config:`; Pulumi.dev.yaml is a pattern.")
    stray = [str(key) for key in document if key not in STACK_FILE_KEYS]
    if stray:
        raise DeployError(
            f"{file.name} has {', '.join(stray)} outside `config:`, where nothing reads it; allowed there: "
            f"{', '.join(STACK_FILE_KEYS)}.\nTo fix it: put settings under `config:`, such as "
            f"recommender:{stray[0].rpartition(':')[2]}, and remove everything else."
        )
    config = document.get("config") or {}
    if odd := [key for key in config if not isinstance(key, str)]:
        raise DeployError(
            f"{file.name} has {odd[0]!r} under `config:`; allowed: names, such as recommender:desiredCount."
        )
    return {**document, "config": config}


def read_project(project_dir: Path) -> dict[str, Any]:
    """The content of Pulumi.yaml."""
    return dict(yaml.safe_load((project_dir / "Pulumi.yaml").read_text(encoding="utf-8")))


def cli_config_file(project_dir: Path, stack: str, overrides: Mapping[str, Any]) -> Path:
    """The stack's file for the CLI; with overrides or a stored salt, a copy with them in the git-ignored `.build`."""
    own = project_dir / f"Pulumi.{stack}.yaml"
    salt_file = _salt_file(project_dir, stack)
    salt = salt_file.read_text() if salt_file.exists() else ""
    if not overrides and not salt:
        return own
    document = yaml.safe_load(own.read_text()) or {}
    project = read_project(project_dir)["name"]
    changes = {qualified(project, key): value for key, value in overrides.items()}
    document["config"] = {**(document.get("config") or {}), **changes}
    if salt:
        document[SALT] = salt
    merged = project_dir / ".build" / stack / own.name
    merged.parent.mkdir(parents=True, exist_ok=True)
    merged.write_text(yaml.safe_dump(document))
    return merged


@contextmanager
def extract_salt(project_dir: Path, stack: str, *, enabled: bool) -> Iterator[None]:
    """If enabled, undo what the block's `pulumi stack init` writes into the stack's file.

    With a passphrase, `stack init` adds a salt. The local stack's file is in git and its state on this machine, so the
    salt is stored beside that state and added to the copy that `cli_config_file` makes.
    """
    own = project_dir / f"Pulumi.{stack}.yaml"
    before = own.read_bytes()
    try:
        yield
    finally:
        if enabled and own.read_bytes() != before:
            salt = (yaml.safe_load(own.read_text()) or {}).get(SALT)
            own.write_bytes(before)
            if salt:
                file = _salt_file(project_dir, stack)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(salt)


def _salt_file(project_dir: Path, stack: str) -> Path:
    return project_dir / STATE_FOLDER / "pulumi" / f"{stack}.{SALT}"
