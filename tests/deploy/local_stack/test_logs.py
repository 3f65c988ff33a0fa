"""What `make logs` prints, and when it ends."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

import pytest

import deploy
from deploy.local_stack import __main__, logs
from local.errors import LocalError
from local.settings import LocalSettings
from tests.local.conftest import Processes

OUTPUTS = {"url": "http://localhost:8180", "clusterName": "c", "serviceName": "s"}


def event(id_: int, message: str, *, timestamp: int = 1_795_820_082_322, task: str = "e76c9cdf-bdb6") -> dict[str, Any]:
    return {
        "eventId": str(id_),
        "timestamp": timestamp,
        "logStreamName": f"task/model/{task}",
        "message": message,
    }


class Aws:
    """ECS and CloudWatch Logs: each poll adds the next of `batches`; after the last one the emulator has ended."""

    def __init__(self, processes: Processes) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.events: list[dict[str, Any]] = []
        self.starts: list[int] = []
        self._processes = processes

    def describe_services(self, **_: Any) -> dict[str, Any]:
        if not self.batches:
            self._processes.running.clear()
            return {"services": []}
        return {"services": [{"taskDefinition": "d"}]}

    def describe_task_definition(self, **_: Any) -> dict[str, Any]:
        log = {"options": {"awslogs-group": "group"}}
        return {"taskDefinition": {"containerDefinitions": [{"logConfiguration": log}]}}

    def get_paginator(self, _: str) -> Aws:
        return self

    def paginate(self, *, logGroupName: str, startTime: int) -> list[dict[str, Any]]:  # noqa: N803 - boto3's names
        assert logGroupName == "group"
        self.starts.append(startTime)
        self.events += self.batches.pop(0)
        return [{"events": [one for one in self.events if one["timestamp"] >= startTime]}]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, processes: Processes) -> Aws:
    """A stack that is up."""
    made = Aws(processes)
    processes.running.add("emulator")
    monkeypatch.setattr(deploy, "outputs", lambda _: OUTPUTS)
    monkeypatch.setattr(logs, "client", lambda *_, **__: made)
    monkeypatch.setattr(logs, "POLL_SECONDS", 0.0)
    return made


def test_a_line_has_time_task_level_and_message_then_what_else_was_logged() -> None:
    fields = {"time": "…", "level": "INFO", "logger": "l", "message": "request", "status": 200, "request_id": "r"}
    line = logs.format_line(event(1, json.dumps(fields)))
    assert re.fullmatch(r"\d\d:\d\d:42\.322  e76c9cdf  INFO     request status=200", line)
    assert logs.format_line(event(1, "Killed")).endswith("  e76c9cdf  Killed")
    assert logs.format_line(event(1, "[1, 2]")).endswith("  e76c9cdf  [1, 2]")
    failed = json.dumps({"level": "ERROR", "message": "failed", "exception": "Traceback\nValueError: x"})
    assert logs.format_line(event(1, failed)).endswith("ERROR    failed\n    Traceback\n    ValueError: x")


def test_new_lines_and_new_tasks_are_followed_each_line_once_until_the_stack_is_down(
    settings: LocalSettings, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    later = 1_795_820_100_000
    aws.batches = [
        [event(1, "one"), event(2, "two")],
        [],
        [event(3, "three", timestamp=later, task="99713f91-faed")],
        [event(4, "late", timestamp=later - 1000)],
    ]
    logs.logs(settings, since_seconds=1e9, follow=True)
    printed = [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()[:-1]]
    assert printed == ["e76c9cdf  one", "e76c9cdf  two", "99713f91  three", "e76c9cdf  late"]
    assert aws.starts == sorted(aws.starts)
    assert aws.starts[-1] > aws.starts[0]


def test_without_following_it_ends_and_says_when_there_was_nothing(
    settings: LocalSettings, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.batches = [[], [event(1, "never read")]]
    logs.logs(settings, since_seconds=600, follow=False)
    assert capsys.readouterr().out == "No task wrote a line in the last 600 s.\n"


def test_a_stack_that_is_down_is_told(settings: LocalSettings, processes: Processes) -> None:
    with pytest.raises(LocalError, match=r"is down, so no task writes a log\. `make up` brings it up"):
        logs.logs(settings, since_seconds=600, follow=True)


def test_ctrl_c_ends_it_without_a_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "logs", interrupted)
    assert __main__.main(["logs", "--since", "2h", "--no-follow"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_an_age_has_a_unit(text: str, seconds: float) -> None:
    assert logs.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["10", "m", "-1m", "1.5h", ""])
def test_what_is_no_age_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"is not an age: .* such as 10m"):
        logs.parse_duration(text)
