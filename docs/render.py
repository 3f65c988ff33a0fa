"""Writes the README's tables from what they describe: `python docs/render.py`, or with `--check` only compares.

The configuration table comes from `Pulumi.yaml`, the stacks' column of differences from `Pulumi.<stack>.yaml`, the
commands from the Makefile. Each stands between two comments, `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent


def configuration() -> str:
    """A row for each key: its type, default and description."""
    declared = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, entry in declared.items():
        rows.append(f"| `{key}` | {entry['type']} | {_value(entry.get('default'))} | {_cell(entry['description'])} |")
    return "\n".join(rows)


def stacks() -> str:
    """A row for each stack with what its file sets, provider settings aside."""
    rows = ["| stack | its file sets |", "|---|---|"]
    for name in ("local", "dev", "prod"):
        config = yaml.safe_load((PROJECT / f"Pulumi.{name}.yaml").read_text())["config"]
        own = {key.removeprefix("recommender:"): value for key, value in config.items() if not key.startswith("aws:")}
        region = f"region `{config['aws:region']}`"
        rows.append(
            f"| `{name}` | {', '.join([region, *(f'`{key}: {_plain(value)}`' for key, value in own.items())])} |"
        )
    return "\n".join(rows)


def commands() -> str:
    """A row for each Makefile target that has a description."""
    found = re.findall(r"^([a-z-]+):.*?## (.+)$", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE)
    return "\n".join(
        ["| command | what it does |", "|---|---|", *(f"| `make {name}` | {text} |" for name, text in found)]
    )


TABLES = {"configuration": configuration, "stacks": stacks, "commands": commands}


def rendered(text: str) -> str:
    """The text with each table written anew; raises LookupError when a table's comments are missing."""
    for name, table in TABLES.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", flags=re.DOTALL)
        if not block.search(text):
            raise LookupError(f"README.md has no <!-- {name} --> … <!-- /{name} --> to write the table into")
        written = table()
        text = block.sub(lambda match, written=written: f"{match[1]}{written}\n{match[2]}", text)  # type: ignore[misc]
    return text


def main() -> int:
    """Write the README, or with `--check` say whether it is up to date."""
    readme = PROJECT / "README.md"
    old = readme.read_text()
    new = rendered(old)
    if "--check" in sys.argv[1:]:
        if new != old:
            print("README.md is not up to date: make docs", file=sys.stderr)
        return int(new != old)
    readme.write_text(new)
    return 0


def _value(value: Any) -> str:
    return "" if value in (None, "", []) else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
