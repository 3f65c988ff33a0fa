"""Ports and folders of the local stack."""

import pytest

from local.errors import LocalError
from local.settings import load_settings


def test_the_usual_ports_need_no_setting() -> None:
    settings = load_settings({})
    assert (settings.aws_url, settings.endpoint_url) == ("http://localhost:4566", "http://localhost:8080")


def test_other_ports_come_from_the_environment() -> None:
    settings = load_settings({"AWS_PORT": "5000", "ENDPOINT_PORT": "5001"})
    assert (settings.registry_host, settings.endpoint_url) == ("localhost:5000", "http://localhost:5001")


@pytest.mark.parametrize("text", ["80", "65536", "http", "-1", "8080.5"])
def test_what_is_no_port_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(LocalError, match=r"ENDPOINT_PORT='.*' is not a port: .* from 1024 to 65535"):
        load_settings({"ENDPOINT_PORT": text})
