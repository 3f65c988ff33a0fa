"""Commands in the documents are ones that there are, written so that they run as they stand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore import xform_name

PROJECT = Path(__file__).resolve().parents[2]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (PROJECT / "README.md", *PROJECT.glob("docs/*.md"))}
OF_THE_CLI_ALONE = {("configure", ""), ("configure", "sso"), ("sso", "login"), ("logs", "tail")}
"""Commands of the AWS CLI that are no operations of AWS's API."""
API_NAMES = {"s3api": "s3"}
FLAGS_OF_THE_CLI = {"--profile", "--region", "--query", "--output", "--no-cli-pager"}


def code(page: str) -> Iterator[str]:
    """Every command in a console block, without its remark, and everything in backticks on a line."""
    for block in re.findall(r"^ *```console\n(.+?)^ *```", page, flags=re.MULTILINE | re.DOTALL):
        whole = block.replace("\\\n", " ")
        lines = (line.strip() for line in whole.splitlines())
        yield from (line[2:].split(" #")[0].strip() for line in lines if line.startswith("$ "))
    yield from re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page)


def aws_commands() -> list[str]:
    found = {command for page in PAGES.values() for line in code(page) for command in re.findall(r"\baws .+", line)}
    return sorted(command.partition("$(")[0] for command in found if re.match(r"aws [a-z]", command))


@pytest.mark.parametrize("name", PAGES)
def test_python_is_that_of_the_virtual_environment(name: str) -> None:
    calls = [line for line in code(PAGES[name]) if re.search(r"\bpython3? (-m|\w+/)", line)]
    assert [line for line in calls if not re.search(r"(^|\s)\.venv/bin/python ", line)] == []


def test_every_module_that_is_run_can_be() -> None:
    modules = {match for page in PAGES.values() for line in code(page) for match in re.findall(r"-m ([\w.]+)", line)}
    assert "model_service.training.compare" in modules
    for module in modules:
        path = PROJECT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


@pytest.mark.parametrize("name", PAGES)
def test_every_make_command_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {made for line in code(PAGES[name]) for made in re.findall(r"^make ([a-z-]+)", line)} <= targets


@pytest.mark.parametrize("command", aws_commands())
def test_every_command_of_the_aws_cli_is_one_that_it_has_with_these_words(command: str) -> None:
    words = shlex.split(command)[1:]
    named = [word for word in words[:2] if not word.startswith("-")]
    service, operation = (*named, "")[:2]
    if (service, operation) in OF_THE_CLI_ALONE:
        return
    client = boto3.client(
        API_NAMES.get(service, service), region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="a"
    )  # type: ignore[call-overload]
    operations = {xform_name(name).replace("_", "-"): name for name in client.meta.service_model.operation_names}
    assert operation in operations
    shape = client.meta.service_model.operation_model(operations[operation]).input_shape
    members = {} if shape is None else shape.members
    given = {word for word in words[2:] if word.startswith("--")}
    known = {"--" + xform_name(member).replace("_", "-") for member in members}
    assert given <= known | FLAGS_OF_THE_CLI
    if words[2:]:  # a command that is only named has no words after it
        required = {"--" + xform_name(member).replace("_", "-") for member in shape.required_members}
        assert required <= given
