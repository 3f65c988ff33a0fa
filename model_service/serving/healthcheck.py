"""`python -m model_service.serving.healthcheck [PATH]`: 0 when the service in this container answers PATH with 200.

For Docker's HEALTHCHECK and ECS's container health check. It runs every few seconds, so it imports little: a socket
is enough, an HTTP client would take several times as long to start.
"""

import os
import socket
import sys

_TIMEOUT_SECONDS = 3.0  # without anything received
_MAX_RESPONSE_BYTES = 4096


def check(port: int, path: str) -> str | None:
    """None when 127.0.0.1:`port` answers `path` with status 200, otherwise what went wrong."""
    request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            answer = connection.makefile("rb").read(_MAX_RESPONSE_BYTES)
    except OSError as error:
        return f"no answer from port {port}: {error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split(b"\r\n", 1)[0].split(b" ")[1:2] == [b"200"]:
        return None
    return f"{path} answered {head.splitlines()[0].decode('latin-1') if head else 'nothing'} {body.decode('latin-1')}"


def main() -> int:
    """Check PATH (default /ready) on the port in PORT (default 8080); prints the problem and returns 1 for one."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/ready"
    port = os.environ.get("PORT", "").strip() or "8080"
    if not port.isdecimal() or int(port) > 65535:
        print(f"PORT={port!r} is no port")
        return 1
    problem = check(int(port), path)
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
