"""CONTRIBUTING names what exists, and its table of imports is the one that is enforced."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_imports import ANY, MAY_IMPORT

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SERVING = PROJECT / "model_service" / "serving"
MAX_FILES_OF_A_REQUEST = 11


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    lines = re.findall(r"^\| (.+) \|$", section(title), flags=re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[1:]]


def test_its_table_of_imports_is_the_enforced_one() -> None:
    documented = {}
    for first, _, may_import in (row for row in rows("Packages") if len(row) == 3):
        for name in re.findall(r"`([^`]+)`", first):
            package = name.removesuffix(".py").rstrip("/").removesuffix("/any_container")
            if package in MAY_IMPORT:
                documented[package] = frozenset(re.findall(r"`([^`]+)`", may_import))
    enforced = {package: allowed for package, allowed in MAY_IMPORT.items() if allowed != ANY}
    assert set(documented) == set(MAY_IMPORT)
    assert {package: documented[package] for package in enforced} == enforced


def test_every_path_that_it_names_exists() -> None:
    paths = [name for name in re.findall(r"`([^`\s]+)`", PAGE) if re.search(r"/|\.(py|yaml|md|txt)$", name)]
    assert len(paths) > 20
    folders = (
        PROJECT,
        PROJECT / "infra",
        PROJECT / "infra/config",
        PROJECT / "model_service",
        PROJECT / "deploy",
        SERVING,
    )
    missing = [one for one in paths if "*" not in one and not any((folder / one).exists() for folder in folders)]
    assert missing == []


def test_a_request_passes_eleven_python_files_at_most_and_all_are_there() -> None:
    way = re.sub(r"\(.*?\)", "", section("A request's path").partition("Every other request")[0], flags=re.DOTALL)
    files = set(re.findall(r"`([\w/]+\.py)`", way)) - {"supervisor.py"}
    assert [file for file in files if not (SERVING / file).is_file()] == []
    assert len(files) <= MAX_FILES_OF_A_REQUEST


def test_its_glossary_has_twenty_terms_each_once() -> None:
    terms = [row[0] for row in rows("Glossary")]
    assert len(terms) == len(set(terms)) == 20
