"""Writes the documents' tables from what they describe: `make docs`; with `--check` it only compares.

The configuration table comes from `Pulumi.yaml`, the service's from its settings, the stacks' column of differences
from `Pulumi.<stack>.yaml`, the commands from the Makefile, the costs from the program's own estimate, the speed from
the benchmark's results. Each stands between two comments, `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))  # run as a script, it finds the modules of its own folder only

COSTED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "`dev`": ("dev", {}),
    "`prod`": ("prod", {}),
    "`prod` with `natGateways: single`": ("prod", {"natGateways": "single"}),
}
"""What the table of costs has a row for: a stack, and what is set beside its file."""
LINES_SHOWN = 3


def configuration() -> str:
    """A row for each key: its type, default and description."""
    declared = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, entry in declared.items():
        rows.append(f"| `{key}` | {entry['type']} | {_value(entry.get('default'))} | {_cell(entry['description'])} |")
    return "\n".join(rows)


def service() -> str:
    """A row for each environment variable of the service that the program does not set itself."""
    from infra.contract import RESERVED_ENVIRONMENT
    from model_service.serving.settings import Settings, bounds

    rows = ["| variable | default | allowed | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if name.upper() in RESERVED_ENVIRONMENT | {"ARTIFACT_DIR", "HOST"}:
            continue
        low, high = bounds(field)
        rows.append(f"| `{name.upper()}` | `{field.default:g}` | {low:g} to {high:g} | {_cell(field.description)} |")
    return "\n".join(rows)


def speed() -> str:
    """What the benchmark's last run found."""
    from docs.speed import speed as written

    return written()


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


def costs() -> str:
    """A row for each of `COSTED` with its estimate, and when the prices behind it were compared with AWS's."""
    from infra.cost import prices
    from infra.cost.estimate import estimate

    rows = ["| stack | a month | at its busiest | most of it |", "|---|---:|---:|---|"]
    for name, (stack, config) in COSTED.items():
        told = estimate(_settings(stack, config))
        most = "; ".join(f"{line.monthly_usd:.2f} for {line.what}" for line in told.lines[:LINES_SHOWN])
        rows.append(f"| {name} | {told.monthly_usd:.2f} | {told.busy_usd:.2f} | {most} |")
    seen = sorted(price.seen for price in _prices(vars(prices).values()))
    dated = f"US dollars, list prices of {prices.REGION}, compared with AWS's pages from {seen[0]} to {seen[-1]}."
    return "\n".join([*rows, "", dated])


DOCUMENTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {
        "configuration": configuration,
        "service": service,
        "speed": speed,
        "stacks": stacks,
        "commands": commands,
    },
    "docs/aws-account.md": {"costs": costs},
}
"""The documents with tables to write, and how each table is made."""


def rendered(document: str, text: str) -> str:
    """The document's text with each table written anew; raises LookupError when a table's comments are missing."""
    for name, table in DOCUMENTS[document].items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", flags=re.DOTALL)
        if not block.search(text):
            raise LookupError(f"{document} has no <!-- {name} --> … <!-- /{name} --> to write the table into")
        written = table()
        text = block.sub(lambda match, written=written: f"{match[1]}{written}\n{match[2]}", text)  # type: ignore[misc]
    return text


def main() -> int:
    """Write the documents, or with `--check` say which are not up to date: status 1 when one is not."""
    stale = 0
    for document in DOCUMENTS:
        path = PROJECT / document
        old = path.read_text(encoding="utf-8")
        new = rendered(document, old)
        if new == old:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{document} is not up to date: make docs", file=sys.stderr)
            stale = 1
        else:
            path.write_text(new, encoding="utf-8")
    return stale


def _settings(stack: str, config: Mapping[str, str]) -> Any:
    """The settings that the program has in a stack with the default values and its file, and `config` over them."""
    import pulumi

    from infra.config.load import load_settings

    project = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())
    layers = [
        {key: spec["default"] for key, spec in project["config"].items()},
        yaml.safe_load((PROJECT / f"Pulumi.{stack}.yaml").read_text())["config"],
        config,
    ]
    full = {key if ":" in key else f"{project['name']}:{key}": value for one in layers for key, value in one.items()}
    pulumi.runtime.configure(pulumi.runtime.Settings(project=project["name"], stack=stack))
    pulumi.runtime.set_all_config({key: _plain(value) for key, value in full.items()})
    return load_settings()


def _prices(values: Any) -> Iterator[Any]:
    """Every price of the table, those inside its dictionaries and machines too."""
    from infra.cost.prices import Machine, Price

    for value in values:
        if isinstance(value, Price):
            yield value
        elif isinstance(value, Machine):
            yield value.price
        elif isinstance(value, dict):
            yield from _prices(value.values())


def _value(value: Any) -> str:
    return "" if value in (None, "", []) else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
