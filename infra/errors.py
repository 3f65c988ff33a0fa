"""Errors that a user of the program can cause, reported without a traceback."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

PROJECT_DIR = Path(__file__).resolve().parents[1]


class ProgramError(pulumi.RunError):
    """An error outside the program: Pulumi prints the message alone and stops the deployment."""


@dataclass(frozen=True)
class Set:
    """A fix: set `key`, or an item of a list such as `tags[0]`, to `value`."""

    key: str
    value: Any


@dataclass(frozen=True)
class Remove:
    """A fix: remove `key` from the configuration, which then has its default."""

    key: str


@dataclass(frozen=True)
class Rename:
    """A fix: give `old` the name `key`, with `value`; a list, whose value is "", keeps its items."""

    old: str
    key: str
    value: str


Fix = Set | Remove | Rename | str
"""A change of the stack's configuration, or another command."""


class ConfigError(ProgramError):
    """A configuration that cannot be deployed: the key, its value, what is allowed, and the command that fixes it.

    Several errors of one configuration make one, with a message each; `key` is that of the first.
    """

    def __init__(self, *, key: str, problem: str, fixes: Sequence[Fix], others: "Sequence[ConfigError]" = ()) -> None:
        """fixes: alternatives, the first one preferred. others: further errors of the same configuration."""
        self.key, self.problem, self.fixes = key, problem, fixes
        first, *alternatives = [_instruction(fix) for fix in fixes]
        rest = f" (or {', or '.join(alternatives)})" if alternatives else ""
        message = f"recommender:{key} {problem}\nTo fix it: {first}{rest}"
        super().__init__("\n".join([message, *(str(other) for other in others)]))


def _instruction(fix: Fix) -> str:
    """The command for `fix`; without the Pulumi CLI the edit of the stack's file."""
    if isinstance(fix, str):
        return fix
    file = PROJECT_DIR / f"Pulumi.{pulumi.get_stack()}.yaml"
    if file.is_file() and shutil.which("pulumi") is None:
        return _edit(file, fix)
    if isinstance(fix, Rename):
        if not fix.value:
            return f"rename {fix.old} to {fix.key} in the stack's file"
        return f"{_set_command(Set(fix.key, fix.value))} && pulumi config rm {fix.old}"
    if isinstance(fix, Remove):
        return f"pulumi config rm {fix.key}"
    return _set_item_command(fix) if "[" in fix.key else _set_command(fix)


def _set_item_command(fix: Set) -> str:
    """With the type where the CLI would take the text for a number or a truth value."""
    value = str(fix.value)
    type_ = " --type string" if value.isdigit() or value in ("true", "false") else ""
    return f"pulumi config set --path '{fix.key}' '{value}'{type_}"


def _set_command(fix: Set) -> str:
    value = str(fix.value)
    return f"pulumi config set {fix.key} {repr(value) if ' ' in value else value}"


def _edit(file: Path, fix: Set | Remove | Rename) -> str:
    """An edit of a stack's file, with the line to change where the key, with or without its namespace, is in it."""
    name, bracket, _ = (fix.old if isinstance(fix, Rename) else fix.key).partition("[")
    entry = f"recommender:{name}"
    lines = file.read_text(encoding="utf-8").splitlines()
    keys = [line.partition(":")[2] if line.startswith("recommender:") else line for line in map(str.strip, lines)]
    number = next((place for place, key in enumerate(keys, 1) if key.startswith(f"{name}:")), None)
    if isinstance(fix, Remove):
        return f"remove {entry} from {file.name}{'' if number is None else f', line {number}'}"
    if isinstance(fix, Rename):
        place = file.name if number is None else f"{file.name}, line {number}"
        if not fix.value:
            return f"edit {place}: rename {entry} to recommender:{fix.key}"
        return f"edit {place}: recommender:{fix.key}: {fix.value} in place of {entry}"
    change = f"an item {fix.value!r} in {entry}" if bracket else f"{entry}: {fix.value}"
    if number is None:
        return f"add to {file.name}, under config: {change}"
    return f"edit {file.name}, line {number}: {change}"
