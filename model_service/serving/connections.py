"""The open connections of one process: how many there may be, and how much memory they may hold together."""

import heapq
from collections import deque
from collections.abc import Collection
from enum import Enum, auto
from operator import attrgetter
from typing import Final, Protocol

MAX_CONNECTIONS: Final = 2000
PROBE_CONNECTIONS: Final = 64
MAX_BUFFERED_BYTES: Final = 24 * 2**20
MIN_QUIET_SECONDS: Final = 1.0
_CANDIDATES: Final = 64


class Connection(Protocol):
    """What the table needs of a connection."""

    buffered: int
    """The bytes that it holds, as last reported to `ConnectionTable.account`."""

    @property
    def quiet_since(self) -> float:
        """Since when, in `time.monotonic()`, its client keeps it waiting; infinity while a response is awaited."""

    def shed(self) -> None:
        """Close it at once, and account for 0 bytes."""


class Admission(Enum):
    """What a new connection is for."""

    REQUESTS = auto()
    PROBES = auto()
    NOTHING = auto()


class ConnectionTable:
    """Bounds the number of connections and the bytes that they hold.

    Beyond MAX_CONNECTIONS a new connection takes the place of the one whose client has been quiet for longest. Where
    none has been for MIN_QUIET_SECONDS, PROBE_CONNECTIONS more are accepted for health checks. When all connections
    together hold more than MAX_BUFFERED_BYTES, those that hold most are closed.
    """

    def __init__(self, connections: "Collection[Connection]") -> None:
        """connections: the open ones, kept up to date by their owner."""
        self._connections = connections
        self._buffered = 0
        self._quietest: deque[tuple[float, Connection]] = deque()

    @property
    def buffered(self) -> int:
        """The bytes that all connections hold."""
        return self._buffered

    def admit(self, now: float) -> Admission:
        """What the connection that was added last may be used for; `now` is `time.monotonic()`."""
        surplus = len(self._connections) - MAX_CONNECTIONS
        if surplus <= 0:
            return Admission.REQUESTS
        quietest = self._take_quietest(now - MIN_QUIET_SECONDS)
        if quietest is not None:
            quietest.shed()
            return Admission.REQUESTS
        return Admission.PROBES if surplus <= PROBE_CONNECTIONS else Admission.NOTHING

    def account(self, connection: Connection, buffered: int) -> None:
        """Note how many bytes `connection` holds; closes the greatest holders while there are too many in all."""
        self._buffered += buffered - connection.buffered
        connection.buffered = buffered
        while self._buffered > MAX_BUFFERED_BYTES:
            greatest = max(self._connections, key=attrgetter("buffered"))
            if not greatest.buffered:
                break
            greatest.shed()

    def _take_quietest(self, latest: float) -> Connection | None:
        """The connection that is quiet for longest, since `latest` or before; one pass over all finds several."""
        for _ in range(2):
            while self._quietest:
                since, connection = self._quietest.popleft()
                if connection in self._connections and connection.quiet_since == since:
                    return connection
            quiet = ((since, id(one), one) for one in self._connections if (since := one.quiet_since) <= latest)
            self._quietest.extend((since, one) for since, _, one in heapq.nsmallest(_CANDIDATES, quiet))
        return None
