"""Every link within the documents leads to a file, and to a section of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path for pattern in ("*.md", "docs/*.md", "examples/*/*.md", "benchmarks/*.md") for path in PROJECT.glob(pattern)
)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_to_a_file_and_a_section_that_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8"))
    targets = [(page.parent / file if file else page, section) for file, section in links]
    assert [str(target) for target, _ in targets if not target.exists()] == []
    assert [(str(target), section) for target, section in targets if section and section not in anchors(target)] == []


def test_the_pages_with_links_are_among_them() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "aws-account.md"} <= {page.name for page in PAGES}
