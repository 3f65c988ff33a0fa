"""The change log has every renamed key and variable that is refused with its new name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from infra.config.load import FIELDS, RENAMED
from model_service.serving import settings

PAGE = (Path(__file__).resolve().parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")


def renamed(title: str) -> Mapping[str, str]:
    section = PAGE.partition(f"### {title}\n")[2].partition("\n### ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| `(\w+)`", section, flags=re.MULTILINE))


def test_its_settings_are_those_that_are_refused_and_the_new_ones_exist() -> None:
    assert renamed("Settings of a stack") == RENAMED
    assert set(RENAMED.values()) <= set(FIELDS)


def test_its_variables_are_those_that_are_refused_and_the_new_ones_exist() -> None:
    assert renamed("Environment variables of the service") == settings.RENAMED
    assert {name.lower() for name in settings.RENAMED.values()} <= set(settings.Settings.model_fields)


def test_its_new_metrics_exist() -> None:
    folder = Path(settings.__file__).parent / "telemetry"
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    section = PAGE.partition("### Metrics\n")[2]
    pairs = re.findall(r"^\| (?:CloudWatch )?`(\w+)` \| `(\w+)` \|$", section, flags=re.MULTILINE)
    assert pairs
    assert [old for old, _ in pairs if f'"{old}"' in source] == []
    assert [new for _, new in pairs if f'"{new}"' not in source] == []
