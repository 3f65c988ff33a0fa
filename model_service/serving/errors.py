"""Errors that end a request, and the one JSON form in which they are sent."""

from collections.abc import Mapping
from typing import Final

import orjson
from fastapi import HTTPException

RETRY_AFTER_SECONDS: Final = "1"


class RequestError(HTTPException):
    """Ends a request with `status` and the body of `error_body(message)`."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        """headers: of the response; a 503 has Retry-After in any case."""
        retry = {"retry-after": RETRY_AFTER_SECONDS} if status == 503 else {}
        super().__init__(status, message, {**(headers or {}), **retry})
        self.message = message


class OverloadedError(RequestError):
    """The queue is full: 503."""

    def __init__(self) -> None:
        super().__init__(503, "too many requests are waiting; ask again in a second")


def error_body(message: str) -> bytes:
    """The JSON body of every error response."""
    return orjson.dumps({"success": False, "error": message})


def quoted(value: object) -> str:
    """`value` for use in a message: quoted, escaped, truncated to 40 characters."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= 40 else text[:40] + "…")


OVERLOADED_BODY: Final = error_body(OverloadedError().message)
FAILED_BODY: Final = error_body("the service failed; its log says why")
