"""The generated tables on commands, stacks, the service's environment and costs."""

import re
from collections.abc import Mapping

import pulumi
import yaml

from infra.config.load import load_settings
from infra.config.stack import StackSettings
from infra.contract import RESERVED_ENVIRONMENT
from infra.cost.estimate import estimate
from infra.cost.prices import known_regions, price_list
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
    """A row for each of `COSTED` with its estimate, and what is known of the prices."""
    rows = ["| stack | region | a month | at its busiest | most of it |", "|---|---|---:|---:|---|"]
    for name, (stack, config) in COSTED.items():
        settings = _settings(stack, config)
        found = estimate(settings)
        most = "; ".join(f"{line.monthly_usd:.2f} for {line.what}" for line in found.lines[:LINES_SHOWN])
        rows.append(f"| {name} | `{settings.region}` | {found.monthly_usd:.2f} | {found.busy_usd:.2f} | {most} |")
    rows += ["", "US dollars. The prices:", "", "| region | source | oldest figure | not known |", "|---|---|---|---|"]
    for region in known_regions():
        prices = price_list(region)
        unknown = ", ".join(f"`{name}`" for name, price in prices.prices.items() if price.substitute)
        rows.append(f"| `{region}` | {prices.source} | {prices.date} | {unknown} |")
    return "\n".join(rows)


def _settings(stack: str, config: Mapping[str, str]) -> StackSettings:
    """The settings of a stack, with `config` over its file."""
    loaded = load_stack_config(PROJECT_DIR, stack, config)
    pulumi.runtime.configure(pulumi.runtime.Settings(project=loaded.project, stack=stack))
    pulumi.runtime.set_all_config(loaded.values)
    return load_settings()
