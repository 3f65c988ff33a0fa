"""The messages that the page about troubleshooting explains are ones that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
OF_OTHERS = {"exec format error", "tag already exists", "marked for protection", "because it is protected"}
"""Messages of the Docker engine, of ECR and of Pulumi."""
MIN_CHARACTERS = 4


def source() -> str:
    """The code, with strings that go on in the next line joined."""
    files = [
        path
        for folder in ("infra", "deploy", "local", "model_service")
        for path in sorted((PROJECT / folder).rglob("*"))
        if path.suffix in {".py", ".sh"}
    ]
    return re.sub(r'"\n\s*f?"', "", "\n".join(path.read_text(encoding="utf-8") for path in files))


def messages() -> list[str]:
    cells = re.findall(r"^\| (.+?) \| ", PAGE, flags=re.MULTILINE)
    return sorted({message for cell in cells for message in re.findall(r"`([^`]+)`", cell)} - OF_OTHERS)


@pytest.mark.parametrize("message", messages())
def test_every_message_is_one_of_the_code(message: str) -> None:
    code = source()
    parts = [part.strip() for part in message.split("…") if len(part.strip()) >= MIN_CHARACTERS]
    assert parts
    assert [part for part in parts if part not in code] == []


def test_there_are_messages_for_every_chapter() -> None:
    assert len(messages()) >= 25
