"""Reading a request's body with a limit on its size and on the time it may take."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from model_service.serving.errors import RequestError

MAX_BODY_BYTES = 16 * 1024
MAX_BODY_SECONDS = 10.0


async def read_body(request: Request) -> bytes:
    """The body, empty when there is none; raises RequestError 413 when it is too long, 408 when too slow."""
    if "content-length" not in request.headers and "transfer-encoding" not in request.headers:
        return b""
    body = bytearray()
    try:
        async with asyncio.timeout(MAX_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise RequestError(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
    except TimeoutError:
        raise RequestError(408, f"the body did not arrive within {MAX_BODY_SECONDS:g} s") from None
    except ClientDisconnect:
        raise RequestError(400, "the connection was closed within the body") from None
    return bytes(body)
