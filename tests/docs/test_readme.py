"""The README describes what exists, and its clients work."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local_stack.up import SAMPLE_USER, print_summary
from model_service.serving.app import create_app
from model_service.serving.service import RecommenderService
from model_service.serving.settings import Settings
from tests.model_service.client import Client
from tests.model_service.process import free_port, service

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
ENDPOINT = "http://localhost:8080"
MAX_LINES, MAX_WORDS, MAX_IMAGE_BYTES = 150, 1400, 200_000


@pytest.fixture(scope="module")
def url(default_model: Path) -> Iterator[str]:
    """The URL of the service with the default model, as a process."""
    port = free_port()
    with service(default_model, port, WORKERS="1"):
        yield f"http://localhost:{port}"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```", README, flags=re.MULTILINE | re.DOTALL)


def shown_titles() -> list[str]:
    return re.findall(r"^ +\d+\. +[\d.]+  (.+)$", README, flags=re.MULTILINE)


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= MAX_LINES
    assert len(README.split()) <= MAX_WORDS


def test_its_pictures_exist_and_are_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all(0 < (PROJECT / picture).stat().st_size < MAX_IMAGE_BYTES for picture in pictures)


def test_every_request_of_its_api_table_is_one_that_the_service_has() -> None:
    [table] = re.findall(r"^\| request \| response \|\n(.+?)\n\n", README, flags=re.MULTILINE | re.DOTALL)
    shown = re.findall(r"`(GET|POST) (/[^?`]*)", table)
    paths = create_app(RecommenderService(Settings())).openapi()["paths"]
    offered = [(method.upper(), path) for path, operations in paths.items() for method in operations]
    assert len(shown) == len(set(shown)) >= len(table.splitlines()) - 1
    assert set(shown) <= set(offered)


def test_its_python_client_prints_the_films_that_make_up_shows(url: str) -> None:
    [client] = blocks("python")
    assert ENDPOINT in client
    run = [sys.executable, "-c", client.replace(ENDPOINT, url)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert [line.split("  ")[1] for line in lines][:2] == shown_titles()


@pytest.mark.parametrize("command", re.findall(rf"^\$ (curl '{ENDPOINT}.+)$", README, flags=re.MULTILINE))
def test_its_curl_client_gets_a_successful_response(command: str, url: str) -> None:
    run = ["curl", "--silent", "--show-error", "--fail", *shlex.split(command.replace(ENDPOINT, url))[1:]]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert '"success":true' in done.stdout


def test_its_tables_and_those_of_the_account_page_are_those_of_the_code() -> None:
    """In a process of its own: to estimate costs, the script puts settings where Pulumi looks for them."""
    check = [sys.executable, "-m", "docs.render", "--check"]
    done = subprocess.run(check, cwd=PROJECT, capture_output=True, text=True, check=False)
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


def test_every_output_that_it_names_is_exported_and_the_other_way_round() -> None:
    source = (PROJECT / "infra" / "outputs.py").read_text()
    exported = set(re.findall(r'^ +"(\w+)": |pulumi\.export\("(\w+)"', source, flags=re.MULTILINE))
    exported = {either for pair in exported for either in pair if either}
    page = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
    listed = re.search(r"^Outputs: (.+?)\n\n", page, flags=re.MULTILINE | re.DOTALL)
    assert listed is not None
    named = set(re.findall(r"`(\w+)`", listed[1])) - {"createPushPolicy", "batchJobs"}
    assert named == exported
