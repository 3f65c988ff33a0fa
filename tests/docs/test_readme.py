"""The README says what is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local_stack.up import SAMPLE_USER, print_summary
from tests.model_service.client import Client

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
ENDPOINT = "http://localhost:8080"


def test_its_tables_and_those_of_the_account_page_are_those_of_the_code() -> None:
    """In a process of its own: to estimate costs, the script puts settings where Pulumi looks for them."""
    check = [sys.executable, str(PROJECT / "docs" / "render.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_answer_that_it_shows_is_the_one_that_make_up_prints(
    default_service: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = default_service.get(f"/?uid={SAMPLE_USER}")
    version, digest = answer.headers["x-model-version"], f"sha256:{64 * 'a'}"
    print_summary({"url": ENDPOINT, "modelVersion": version, "imageDigest": digest}, SAMPLE_USER, answer.json())
    printed = capsys.readouterr().out.strip().splitlines()
    [block] = re.findall(r"^```text\n(Endpoint: .+?)^```", README, flags=re.MULTILINE | re.DOTALL)
    shown = block.splitlines()
    assert shown.pop().strip() == "…"
    assert "1." in shown[-2]
    for told, real in zip(shown, printed, strict=False):
        if told.startswith("Model:"):  # weights may differ in the last bit between processors, and so the version
            assert re.fullmatch(r"Model:    [0-9a-f]{12}", told)
            assert re.fullmatch(r"Model:    [0-9a-f]{12}", real)
        else:
            assert told == real.replace(digest, "sha256:…")


def test_every_request_that_it_shows_is_answered_by_the_default_model(default_service: Client) -> None:
    lines = re.findall(rf"curl '{ENDPOINT}[^\n`]+", README)
    asked = [shlex.split(line)[1:] for line in lines]
    paths = set()
    for url, *rest in asked:
        path = url.removeprefix(ENDPOINT)
        paths.add(path.partition("?")[0])
        if rest:
            flag, body = rest
            assert flag == "-d"
            as_curl_sends_it = {"content-type": "application/x-www-form-urlencoded"}
            answer = default_service.post(path, content=body.encode(), headers=as_curl_sends_it)
        else:
            answer = default_service.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.json()["success"] is True
        assert "cold_start" not in answer.text
    assert paths == {"/", "/recommendations", "/predict"}


def test_every_make_command_that_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= targets


def test_every_file_that_it_links_to_exists_with_the_section() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#([^)]+))?\)", README)
    assert [link for link, _ in links if not (PROJECT / link).exists()] == []
    for link, section in links:
        if section:
            titles = re.findall(r"^#+ (.+)$", (PROJECT / link).read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert section in {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_output_that_it_names_is_exported_and_the_other_way_round() -> None:
    source = (PROJECT / "infra" / "outputs.py").read_text()
    exported = set(re.findall(r'^ +"(\w+)": |pulumi\.export\("(\w+)"', source, flags=re.MULTILINE))
    exported = {either for pair in exported for either in pair if either}
    listed = re.search(r"^Outputs: (.+?)\n\n", README, flags=re.MULTILINE | re.DOTALL)
    assert listed is not None
    named = set(re.findall(r"`(\w+)`", listed[1])) - {"createPushPolicy", "batchJobs"}
    assert named == exported
