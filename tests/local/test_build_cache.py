"""Whose build cache is whose."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.build_cache import OWN_COMMANDS, own_ids
from local.settings import PROJECT_DIR

DOCKERFILES = sorted({PROJECT_DIR / "model_service" / "Dockerfile", *PROJECT_DIR.glob("examples/*/Dockerfile")})


def record(id_: str, parent: str = "", command: str = "", *, kind: str = "mount /") -> dict[str, Any]:
    description = f"{kind} from exec /bin/sh -c {command}" if command else "fileop target"
    return {"ID": id_, "Parent": parent, "Type": "regular", "Description": description}


OURS = [
    record("base"),
    record("requirements", "base"),
    record("packages", "requirements", "set -eu; python3 /build/prune.py /opt/site"),
    record("pip", "", "set -eu; python3 /build/prune.py /opt/site", kind="cached mount /root/.cache/pip"),
    record("code", "packages"),
    record("last stage", "base"),
]
FOREIGN = [
    record("other base"),
    record("other step", "other base", "apt-get install gcc"),
    record("copied", "other base"),
]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_every_command_of_a_dockerfile_is_known_as_ours(dockerfile: Any) -> None:
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE))
    commands = re.findall(r"^RUN (.*)$", text, flags=re.MULTILINE)
    assert commands
    assert [one for one in commands if not any(part in one for part in OWN_COMMANDS)] == []


def test_all_that_was_built_on_a_base_image_of_ours_is_ours_and_nothing_else() -> None:
    assert own_ids([*OURS, *FOREIGN]) == {one["ID"] for one in OURS}


def test_of_a_base_image_that_others_build_on_only_what_leads_to_our_commands_and_from_them_is_ours() -> None:
    foreign = record("their step", "base", "apt-get install gcc")
    ours = {"requirements", "packages", "pip", "code"}
    assert own_ids([*OURS, foreign, record("on it", "their step")]) == ours


def test_newer_engines_that_list_several_parents_are_understood() -> None:
    newer = [{**one, "Parents": [one["Parent"]] if one["Parent"] else None} for one in [*OURS, *FOREIGN]]
    for one in newer:
        del one["Parent"]
    assert own_ids(newer) == {one["ID"] for one in OURS}


def test_an_engine_without_our_builds_has_nothing_of_ours() -> None:
    assert own_ids(FOREIGN) == set()
