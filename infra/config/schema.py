"""Generates the `config:` block of Pulumi.yaml and the configuration page from the settings models."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_origin

from pydantic.fields import FieldInfo

from infra.config.base import allowed_values
from infra.config.load import GROUPS

_BLOCK: Final = re.compile(r"^config:\n(?:[ \n].*\n?|\n)*", re.MULTILINE)
_INDENT: Final = "  "


def pulumi_yaml(text: str) -> str:
    """The text of Pulumi.yaml with the `config:` block generated; raises LookupError when it has none."""
    if not _BLOCK.search(text):
        raise LookupError("Pulumi.yaml has no config: block")
    return _BLOCK.sub(lambda _: "\n".join(["config:", *_config_block()]) + "\n", text, count=1)


def configuration_tables() -> str:
    """A table of keys, types, defaults, allowed values and descriptions for each settings model, as Markdown."""
    lines: list[str] = []
    for model in GROUPS.values():
        lines += [
            f"### {_title(model.__doc__)}",
            "",
            "| key | type | default | allowed | meaning |",
            "|---|---|---|---|---|",
        ]
        for field in model.model_fields.values():
            cells = (
                _yaml_type(field),
                _default_cell(field),
                allowed_values(field),
                str(field.description).replace("|", "\\|"),
            )
            lines.append(f"| `{field.alias}` | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def _config_block() -> Iterator[str]:
    for model in GROUPS.values():
        yield f"{_INDENT}# {_title(model.__doc__)}"
        for field in model.model_fields.values():
            yield f"{_INDENT}{field.alias}:"
            type_ = _yaml_type(field)
            yield f"{_INDENT * 2}type: {type_}"
            if type_ == "array":
                yield f"{_INDENT * 2}items:"
                yield f"{_INDENT * 3}type: string"
            yield f"{_INDENT * 2}default: {json.dumps(_default(field))}"
            yield f"{_INDENT * 2}description: {json.dumps(field.description, ensure_ascii=False)}"


def _title(docstring: str | None) -> str:
    return (docstring or "").strip().splitlines()[0].rstrip(".")


def _yaml_type(field: FieldInfo) -> Literal["boolean", "integer", "array", "string"]:
    if field.annotation is bool:
        return "boolean"
    if field.annotation is int:
        return "integer"
    return "array" if get_origin(field.annotation) in (tuple, Mapping) else "string"


def _default(field: FieldInfo) -> Any:
    return list(field.default) if _yaml_type(field) == "array" else field.default


def _default_cell(field: FieldInfo) -> str:
    default = _default(field)
    if default in ("", []):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"
