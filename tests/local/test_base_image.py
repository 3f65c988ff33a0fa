"""Making the base image where this user may not: what is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from local import base_image
from local.errors import LocalError


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (
            "E: unable to pick chroot mode automatically (use --mode for manual selection)",
            r"(?s)needs root, or user namespaces.*apt-get install .*uidmap.*--add-subuids.*docker pull python:",
        ),
        ("E: cannot resolve packages.example.com", r"(?s)cannot resolve.*package mirror is reachable"),
    ],
)
def test_a_base_image_that_cannot_be_made_is_explained_by_its_cause(
    printed: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mmdebstrap"
    program.write_text(f"#!/bin/sh\necho '{printed}' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(base_image, "_suite", lambda: "bookworm")
    client: Any = None
    with pytest.raises(LocalError, match=said):
        base_image._make(client, "recommender-base:test")
