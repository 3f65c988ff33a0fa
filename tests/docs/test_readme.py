"""The README says what is there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text()


def test_its_tables_are_those_of_the_code() -> None:
    rendered = runpy.run_path(str(PROJECT / "docs" / "render.py"))["rendered"]
    assert rendered(README) == README, "make docs"


def test_every_make_command_that_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= targets


def test_every_file_that_it_links_to_exists() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", README)
    assert [link for link in links if not (PROJECT / link).exists()] == []


def test_every_output_that_it_names_is_exported_and_the_other_way_round() -> None:
    source = (PROJECT / "infra" / "outputs.py").read_text()
    exported = set(re.findall(r'^ +"(\w+)": |pulumi\.export\("(\w+)"', source, flags=re.MULTILINE))
    exported = {either for pair in exported for either in pair if either}
    listed = re.search(r"^Outputs: (.+?)\n\n", README, flags=re.MULTILINE | re.DOTALL)
    assert listed is not None
    named = set(re.findall(r"`(\w+)`", listed[1])) - {"pusherPolicy", "tasks"}
    assert named == exported
