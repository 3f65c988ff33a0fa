"""The name under which one request is found in every log on its way."""

import random
import re
from collections.abc import Iterable
from typing import Final

_NAMES: Final = (b"x-request-id", b"x-amzn-trace-id")  # the second is set by the load balancer
_ALLOWED: Final = re.compile(rb"[\x21-\x7e]{1,128}")


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The id that came with the request, the client's before the load balancer's, or a new one of 16 hex digits."""
    client = balancer = b""
    for name, value in headers:
        if name == _NAMES[0]:
            client = value
        elif name == _NAMES[1]:
            balancer = value
    for given in (client, balancer):
        if given and _ALLOWED.fullmatch(given):
            return given
    return b"%016x" % random.getrandbits(64)
