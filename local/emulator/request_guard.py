"""Which requests the emulated AWS answers: not those of a web page, which may reach every port of loopback.

Whoever may call the emulated AWS may run containers. A browser names the page's origin in `Origin` or `Sec-Fetch-Site`;
a page whose name was made to resolve to loopback (DNS rebinding) sends that name in `Host`.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CROSS_ORIGIN = b"access-control-"


def refusal(headers: list[tuple[bytes, bytes]], aws_port: int) -> str | None:
    """Why a request to the AWS APIs is refused, or None; `headers` as in ASGI, with lower-case names."""
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    if not hosts or any(not _is_loopback(_split(f"//{host}")[0]) for host in hosts):
        return f"the Host {', '.join(hosts) or '(none)'} is not this machine: use localhost:{aws_port}"
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"origin":
            host, port = _split(text)
            if not _is_loopback(host) or port != aws_port:
                return f"web pages may not use the emulated AWS: the Origin {text} is not http://localhost:{aws_port}"
        if name == b"sec-fetch-site" and text not in ("none", "same-origin"):
            return f"web pages may not use the emulated AWS: Sec-Fetch-Site is {text}"
    return None


def guarded(app: App, aws_port: int) -> App:
    """`app` without the requests that `refusal` names, and without headers that let a page read the answers."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return

        async def send_without_cors(message: dict[str, Any]) -> None:
            if "headers" in message:
                kept = [pair for pair in message["headers"] if not bytes(pair[0]).lower().startswith(CROSS_ORIGIN)]
                message = {**message, "headers": kept}
            await send(message)

        why = refusal(scope["headers"], aws_port)
        if why is None:
            await app(scope, receive, send_without_cors)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "reason": why})
        else:
            await send_json(send, 403, why)

    return answer


async def send_json(send: Send, status: int, message: str) -> None:
    """Send a whole response whose body is `{"message": …}`."""
    body = json.dumps({"message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _split(url: str) -> tuple[str, int | None]:
    """Host in lower case and port of a URL; empty without a host."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
