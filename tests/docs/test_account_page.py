"""The page about an AWS account names what there is."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

import deploy
from deploy.__main__ import main
from tests.docs.rights import RIGHTS
from tests.infra.answers import Aws
from tests.infra.conftest import project  # noqa: F401 (a fixture)
from tests.infra.recorder import run_main
from tests.model_service.client import Client

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "aws-account.md").read_text(encoding="utf-8")
KEYS = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
PULUMI = {
    "version", "login", "install", "stack ls", "stack select", "stack output", "stack rm", "config set", "preview",
    "up", "destroy", "cancel", "refresh",
}  # fmt: skip
"""Of the Pulumi CLI, what the page may send a reader to."""


def consoles() -> list[str]:
    """Every command of the console blocks, without its remark."""
    blocks = re.findall(r"^ *```console\n(.+?)^ *```", PAGE, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line[2:].split(" #")[0].strip() for line in lines if line.startswith("$ ")]


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


def test_the_command_for_orphans_takes_the_words_that_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    [command] = [command for command in consoles() if "-m deploy orphans" in command]
    with pytest.raises(SystemExit) as ended:
        main([*command.partition("-m deploy ")[2].split(), "--help"])
    assert ended.value.code == 0
    assert "orphans" in capsys.readouterr().out


def test_every_policy_file_that_it_names_exists() -> None:
    named = re.findall(r"file://(docs/\S+\.json)", PAGE)
    assert named
    assert [name for name in named if not (PROJECT / name).is_file()] == []


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
    assert roles == set(re.findall(r"^\| `((?:deploy|preview|look-at)-[\w-]+)` \|", PAGE, flags=re.MULTILINE))


@pytest.mark.usefixtures("project")
def test_each_row_of_its_costs_is_what_the_program_exports() -> None:
    """The other way round than the table is made: out of a whole run of the program."""
    row = r"^\| `(\w+)`(?: with `(\w+): (\w+)`)? \| `[\w-]+` \| ([\d.]+) \| ([\d.]+) \|"
    rows = re.findall(row, PAGE, flags=re.MULTILINE)
    account = Aws(default_subnets=("subnet-a", "subnet-b", "subnet-c"))
    assert [stack for stack, *_ in rows] == ["dev", "prod", "prod"]
    for stack, key, value, told, busiest in rows:
        exported = run_main(stack, config={key: value} if key else {}, aws=account).exports["estimatedMonthlyCostUsd"]
        assert exported == float(told) <= float(busiest), (stack, key)


def test_the_films_of_the_first_request_are_those_of_the_default_model(default_service: Client) -> None:
    [shown] = re.findall(r'^\{"success":true,"response":(\[\[.+\]), …\]\}$', PAGE, flags=re.MULTILINE)
    best = ast.literal_eval(shown + "]")
    real = default_service.get("/?uid=20").json()["response"][: len(best)]
    assert [title for title, _ in best] == [title for title, _ in real]
    assert [stars for _, stars in best] == pytest.approx([stars for _, stars in real], abs=1e-3)  # last bits differ


def test_two_stacks_never_share_a_name() -> None:
    by_stack: dict[str, set[str]] = {"dev": set()}
    stack = "dev"
    for words in map(shlex.split, consoles()):
        if words[:3] == ["pulumi", "stack", "select"]:
            stack = words[-1]
        elif words[:4] in (["pulumi", "config", "set", "domain"], ["pulumi", "config", "set", "publicUrl"]):
            by_stack.setdefault(stack, set()).add(words[4].removeprefix("https://"))
    assert set(by_stack) == {"dev", "prod"}
    assert all(len(names) == 1 for names in by_stack.values())
    assert by_stack["dev"] != by_stack["prod"]


def test_taking_down_says_which_stack_first() -> None:
    chapter = PAGE.partition("## 11. Teardown")[2].partition("\n## ")[0]
    acts = re.findall(r"^\$ pulumi (stack select \w+|destroy|config set production)", chapter, flags=re.MULTILINE)
    assert acts == ["stack select dev", "destroy", "stack select prod", "config set production", "destroy"]


def test_what_is_attached_is_what_was_made() -> None:
    words = [shlex.split(line) for line in consoles()]
    made = {line[line.index("--policy-name") + 1] for line in words if "create-policy" in line}
    attached = {
        line[line.index("--policy-arn") + 1].rpartition("/")[2] for line in words if "attach-user-policy" in line
    }
    named = {line[-1].removeprefix("Name=") for line in words if line[-1].startswith("Name=")}
    assert attached == named == made - {"pulumi-state", "boundary-recommender", "deploy-recommender-listener"}


def test_the_rights_to_an_existing_load_balancer_are_what_its_two_rules_need() -> None:
    words = [shlex.split(line) for line in consoles()]
    [inline] = [line[-1] for line in words if "deploy-recommender-listener" in line]
    allowed = {action for statement in json.loads(inline)["Statement"] for action in statement["Action"]}
    rules = ("aws:lb/listenerRule:ListenerRule", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    needed = {action for rule in rules for action in RIGHTS[rule] if ":Describe" not in action}
    assert needed - {"ec2:CreateTags"} <= allowed  # a new rule is tagged as any other new resource


def test_the_rights_to_the_state_are_to_the_bucket_that_was_made() -> None:
    words = [shlex.split(line) for line in consoles()]
    buckets = {line[line.index("--bucket") + 1] for line in words if "s3api" in line}
    [inline] = [line[-1] for line in words if "pulumi-state" in line]
    [statement] = json.loads(inline)["Statement"]
    [bucket] = buckets
    assert statement["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    assert f"pulumi login s3://{bucket}" in consoles()
    assert not bucket.startswith("recommender-")
