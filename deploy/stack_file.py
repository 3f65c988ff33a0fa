"""A stack's configuration file: read with overrides laid over it, and left as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

SALT = "encryptionsalt"


def config_file(project_dir: Path, stack: str, overrides: Mapping[str, Any]) -> Path:
    """The stack's own file, or, where there is something to add, a copy of it with that, out of git's sight."""
    own = project_dir / f"Pulumi.{stack}.yaml"
    kept = _kept_salt(project_dir, stack)
    salt = kept.read_text() if kept.exists() else ""
    if not overrides and not salt:
        return own
    document = yaml.safe_load(own.read_text()) or {}
    project = yaml.safe_load((project_dir / "Pulumi.yaml").read_text())["name"]
    laid_over = {key if ":" in key else f"{project}:{key}": value for key, value in overrides.items()}
    document["config"] = {**(document.get("config") or {}), **laid_over}
    if salt:
        document[SALT] = salt
    merged = project_dir / ".build" / stack / own.name
    merged.parent.mkdir(parents=True, exist_ok=True)
    merged.write_text(yaml.safe_dump(document))
    return merged


@contextmanager
def keeping_stack_file(project_dir: Path, stack: str, *, keep: bool) -> Iterator[None]:
    """With `keep`, undo what the block's `pulumi stack init` writes into the stack's file.

    With a passphrase, `stack init` adds a salt there. The local stack's file belongs to git and its state to this
    machine, so its salt is kept beside that state; it goes into the copy that `config_file` makes.
    """
    own = project_dir / f"Pulumi.{stack}.yaml"
    before = own.read_bytes()
    try:
        yield
    finally:
        if keep and own.read_bytes() != before:
            salt = (yaml.safe_load(own.read_text()) or {}).get(SALT)
            own.write_bytes(before)
            if salt:
                kept = _kept_salt(project_dir, stack)
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(salt)


def _kept_salt(project_dir: Path, stack: str) -> Path:
    return project_dir / ".local" / "pulumi" / f"{stack}.{SALT}"
