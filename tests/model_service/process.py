"""The service as a process of its own, as its image starts it, and raw requests to it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model_service.serving import healthcheck

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def service(
    folder: Path, port: int, *, program: str | None = None, log: int = subprocess.PIPE, **environment: str
) -> Iterator["subprocess.Popen[str]"]:
    """The service with the artifact in `folder`, answering on `port`; killed in the end if it still runs.

    program: Python that starts it another way. log: where its log goes; a pipe that nobody reads holds 64 KiB.
    """
    command = ["-m", "model_service.serving"] if program is None else ["-c", program]
    given = {**os.environ, "ARTIFACT_DIR": str(folder), "PORT": str(port), "HOST": "127.0.0.1", **environment}
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=given, stdout=log, text=True)
    try:
        deadline = time.monotonic() + 30
        while healthcheck.check(port, "/health") is not None:
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]") -> list[dict[str, object]]:
    """Ends the service with SIGTERM and returns the lines of its log."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10)


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """The next answer on a connection, byte by byte, so that what follows it is left there: status, headers, body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"the connection ended after {head!r}"
        head += byte
    first, *lines = head.decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    body = b""
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(int(headers["content-length"]) - len(body))
    return int(first.split()[1]), headers, body


def ask(port: int, target: str, *lines: str) -> tuple[int, dict[str, str], bytes]:
    """GET `target` on a connection of its own, with more header lines."""
    with connect(port) as connection:
        connection.sendall("\r\n".join((f"GET {target} HTTP/1.1", "Host: x", *lines, "", "")).encode())
        return read_answer(connection)


FAILING = """
import sys
from model_service.serving.recommender import Recommender
good = Recommender.recommend_many
def failing(self, requests):
    if any(request.n == 3 for request in requests):
        raise ZeroDivisionError("planted")
    return good(self, requests)
Recommender.recommend_many = failing
from model_service.serving.__main__ import main
sys.exit(main())
"""
"""A service that fails in every computation with n=3."""
