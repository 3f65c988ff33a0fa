"""The generated tables on commands, stacks, the service's environment and costs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
import yaml

from infra.config.load import load_settings
from infra.config.stack import StackSettings
from infra.contract import RESERVED_ENVIRONMENT
from infra.cost import prices
from infra.cost.estimate import estimate
from infra.cost.prices import Instance, Price
from local.settings import PROJECT_DIR
from mock_runtime.stack_config import as_text, load_stack_config
from model_service.serving.settings import Settings, bounds

COSTED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "`dev`": ("dev", {}),
    "`prod`": ("prod", {}),
    "`prod` with `natGateways: single`": ("prod", {"natGateways": "single"}),
}
"""The rows of the cost table: a stack, and settings over its file."""
LINES_SHOWN = 3


def commands() -> str:
    """A row for each Makefile target that has a description."""
    found = re.findall(r"^([a-z-]+):.*?## (.+)$", (PROJECT_DIR / "Makefile").read_text(), flags=re.MULTILINE)
    return "\n".join(
        ["| command | what it does |", "|---|---|", *(f"| `make {name}` | {text} |" for name, text in found)]
    )


def stacks() -> str:
    """A row for each stack with the settings of its file, provider settings aside."""
    rows = ["| stack | its file sets |", "|---|---|"]
    for name in ("local", "dev", "prod"):
        config = yaml.safe_load((PROJECT_DIR / f"Pulumi.{name}.yaml").read_text())["config"]
        own = {key.removeprefix("recommender:"): value for key, value in config.items() if not key.startswith("aws:")}
        cells = [f"region `{config['aws:region']}`", *(f"`{key}: {as_text(value)}`" for key, value in own.items())]
        rows.append(f"| `{name}` | {', '.join(cells)} |")
    return "\n".join(rows)


def service() -> str:
    """A row for each environment variable of the service that the program does not set itself."""
    rows = ["| variable | default | allowed | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if name.upper() in RESERVED_ENVIRONMENT | {"ARTIFACT_DIR", "HOST"}:
            continue
        low, high = bounds(field)
        meaning = str(field.description).replace("|", "\\|")
        rows.append(f"| `{name.upper()}` | `{field.default:g}` | {low:g} to {high:g} | {meaning} |")
    return "\n".join(rows)


def costs() -> str:
    """A row for each of `COSTED` with its estimate, and the dates of the prices."""
    rows = ["| stack | a month | at its busiest | most of it |", "|---|---:|---:|---|"]
    for name, (stack, config) in COSTED.items():
        found = estimate(_settings(stack, config))
        most = "; ".join(f"{line.monthly_usd:.2f} for {line.what}" for line in found.lines[:LINES_SHOWN])
        rows.append(f"| {name} | {found.monthly_usd:.2f} | {found.busy_usd:.2f} | {most} |")
    seen = sorted(price.seen for price in _prices(vars(prices).values()))
    dated = f"US dollars, list prices of {prices.REGION}, compared with AWS's pages from {seen[0]} to {seen[-1]}."
    return "\n".join([*rows, "", dated])


def _settings(stack: str, config: Mapping[str, str]) -> StackSettings:
    """The settings of a stack, with `config` over its file."""
    loaded = load_stack_config(PROJECT_DIR, stack, config)
    pulumi.runtime.configure(pulumi.runtime.Settings(project=loaded.project, stack=stack))
    pulumi.runtime.set_all_config(loaded.values)
    return load_settings()


def _prices(values: Any) -> Iterator[Price]:
    """Every price of the module `prices`, those in its dictionaries and instances too."""
    for value in values:
        if isinstance(value, Price):
            yield value
        elif isinstance(value, Instance):
            yield value.price
        elif isinstance(value, dict):
            yield from _prices(value.values())
