"""What a client is told when its request cannot be answered."""


class RequestError(Exception):
    """Ends a request with `status` and `{"success": false, "error": message}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def shown(value: object) -> str:
    """`value` as it may be repeated in a message: quoted, escaped, at most 40 characters of it."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= 40 else text[:40] + "…")


class OverloadedError(RequestError):
    """Too many requests are waiting; this one is turned away at once."""

    def __init__(self) -> None:
        super().__init__(503, "too many requests are waiting; ask again in a second")
