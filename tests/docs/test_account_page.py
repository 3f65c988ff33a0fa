"""The page about an AWS account names what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

import deploy
from deploy.__main__ import main

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "aws-account.md").read_text(encoding="utf-8")
KEYS = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
PULUMI = {
    "version", "login", "install", "stack select", "stack output", "stack rm", "config set", "preview", "up", "destroy",
    "cancel", "refresh",
}  # fmt: skip
"""Of the Pulumi CLI, what the page may send a reader to."""


def consoles() -> list[str]:
    """Every command of the console blocks, without its remark."""
    blocks = re.findall(r"^```console\n(.+?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [line[2:].split(" #")[0].strip() for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def exported() -> set[str]:
    source = (PROJECT / "infra" / "outputs.py").read_text(encoding="utf-8")
    pairs = re.findall(r'^ +"(\w+)": |pulumi\.export\("(\w+)"', source, flags=re.MULTILINE)
    return {either for pair in pairs for either in pair if either}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_every_key_that_it_sets_or_names_exists() -> None:
    words = [shlex.split(command) for command in consoles() if command.startswith("pulumi config set")]
    set_here = {next(word for word in line[3:] if not word.startswith("--")).split("[")[0] for line in words}
    assert "domain" in set_here
    assert {key for key in set_here if not key.startswith("aws:")} <= set(KEYS)
    camel = set(re.findall(r"`([a-z]+(?:[A-Z][a-z]+)+)(?:: [\w-]+)?`", PAGE))
    assert camel <= set(KEYS) | exported()
    valued = set(re.findall(r"`(\w+): [\w-]+`", PAGE)) - {"project"}
    assert valued <= set(KEYS)


def test_its_table_has_every_output_and_no_other() -> None:
    table = PAGE.partition("| output | what it is |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == exported()


def test_every_make_command_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)(?=[ `\n])", "\n".join([*consoles(), *re.findall(r"`[^`\n]+`", PAGE)])))
    assert named
    assert named <= targets()


def test_every_pulumi_command_is_one_that_there_is() -> None:
    code = [*consoles(), *re.findall(r"`([^`\n]+)`", PAGE)]
    said = [match[1] for line in code for match in re.finditer(r"\bpulumi ((?:stack |config )?[a-z]+)", line)]
    assert said
    assert set(said) <= PULUMI


def test_every_call_of_deploy_is_one_that_there_is() -> None:
    calls = set(re.findall(r"deploy\.(\w+)\(", PAGE))
    assert calls
    assert calls <= set(deploy.__all__)


def test_the_command_for_leftovers_takes_the_words_that_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    [command] = [command for command in consoles() if "-m deploy" in command]
    with pytest.raises(SystemExit) as ended:
        main([*command.partition("-m deploy ")[2].split(), "--help"])
    assert ended.value.code == 0
    assert "leftovers" in capsys.readouterr().out


def test_every_file_and_section_that_it_links_to_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE)
    anchors = {
        "#" + re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    }
    assert [link for link in links if link.startswith("#") and link not in anchors] == []
    assert [link for link in links if not link.startswith("#") and not (PROJECT / "docs" / link).is_file()] == []
    for named in re.findall(r"file://(docs/\S+\.json)", PAGE):
        assert (PROJECT / named).is_file()


def test_its_table_of_workflows_is_that_of_the_folder() -> None:
    named = set(re.findall(r"^\| `([\w-]+\.yml)` \|", PAGE, flags=re.MULTILINE))
    assert named == {path.name for path in (PROJECT / ".github" / "workflows").iterdir()}


def test_it_names_every_variable_and_secret_that_the_workflows_read() -> None:
    workflows = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / ".github" / "workflows").iterdir())
    read = set(re.findall(r"(?:vars|secrets)\.([A-Z_]+)", workflows))
    assert read
    assert {name for name in read if f"`{name}`" not in PAGE} == set()


def test_it_names_every_role_that_the_workflows_take_on() -> None:
    workflows = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / ".github" / "workflows").iterdir())
    taken = re.findall(r"role/([\w-]+)(\$\{\{ inputs\.stack \}\})?", workflows)
    roles = {name + stack for name, each in taken for stack in (("dev", "prod") if each else ("",))}
    assert roles == set(re.findall(r"^\| `((?:deploy|look-at)-[\w-]+)` \|", PAGE, flags=re.MULTILINE))
