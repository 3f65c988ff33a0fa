"""Ports and folders of the local stack, and what is remembered of it until `make down`."""

from pathlib import Path

import pytest

from local.errors import LocalError
from local.settings import load_settings
from local.stack_record import StackRecord, delete_record, load_record, save_record

OTHER = StackRecord(aws_port=4666, endpoint_port=8180, config={"baseImage": "base:1"})


def test_the_usual_ports_need_no_setting(tmp_path: Path) -> None:
    settings = load_settings({}, state_dir=tmp_path)
    assert (settings.aws_url, settings.endpoint_url) == ("http://localhost:4566", "http://localhost:8080")


def test_other_ports_come_from_the_environment(tmp_path: Path) -> None:
    settings = load_settings({"AWS_PORT": "5000", "ENDPOINT_PORT": "5001"}, state_dir=tmp_path)
    assert (settings.registry_host, settings.endpoint_url) == ("localhost:5000", "http://localhost:5001")


@pytest.mark.parametrize("text", ["80", "65536", "http", "-1", "8080.5"])
def test_what_is_no_port_is_refused_with_the_range(text: str, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"ENDPOINT_PORT='.*' is not a port: .* from 1024 to 65535"):
        load_settings({"ENDPOINT_PORT": text}, state_dir=tmp_path)


@pytest.mark.parametrize("env", [{"AWS_PORT": "8080"}, {"ENDPOINT_PORT": "4566"}])
def test_one_port_for_both_is_refused_with_both_settings(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"AWS_PORT=(\d+) and ENDPOINT_PORT=\1: .* cannot share a port"):
        load_settings(env, state_dir=tmp_path)


@pytest.mark.parametrize("env", [{}, {"AWS_PORT": "4666"}, {"AWS_PORT": "4666", "ENDPOINT_PORT": "8180"}])
def test_a_stack_that_was_started_keeps_its_ports(env: dict[str, str], tmp_path: Path) -> None:
    save_record(tmp_path, OTHER)
    settings = load_settings(env, state_dir=tmp_path)
    assert (settings.aws_port, settings.endpoint_port) == (4666, 8180)


def test_another_port_than_the_stack_was_started_with_is_refused_with_those_and_the_way_out(tmp_path: Path) -> None:
    save_record(tmp_path, OTHER)
    told = "started with AWS_PORT=4666 and ENDPOINT_PORT=8180, and not with AWS_PORT=4566.* `make down`, without ports"
    with pytest.raises(LocalError, match=told):
        load_settings({"AWS_PORT": "4566"}, state_dir=tmp_path)
    delete_record(tmp_path)
    assert load_settings({"AWS_PORT": "4566"}, state_dir=tmp_path).aws_port == 4566


def test_a_record_comes_back_as_it_was_and_a_damaged_one_counts_as_none(tmp_path: Path) -> None:
    assert load_record(tmp_path) is None
    save_record(tmp_path / "state", OTHER)
    assert load_record(tmp_path / "state") == OTHER
    for text in ("", "{", "[]", '{"aws_port": 1}', '{"aws_port": "x", "endpoint_port": 1, "config": {}}'):
        (tmp_path / "state" / "stack.json").write_text(text)
        assert load_record(tmp_path / "state") is None
