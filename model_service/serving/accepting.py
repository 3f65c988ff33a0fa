"""Taking new connections, many at a time."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

_MAX_ACCEPTS_PER_WAKEUP: Final = 256
_RESOURCE_ERRORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


class ConnectionAcceptor:
    """Hands each connection to a listening socket to a protocol of its own, until it is closed.

    The event loop's own server takes one connection each time that it looks: under overload, when everybody who is
    connected is heard in between, newcomers would wait for seconds before they are told that there is no room.
    """

    def __init__(self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        """`listener` listens already and is closed with this."""
        self._listener, self._protocol = listener, protocol
        self._loop = asyncio.get_running_loop()
        self._begun: set[asyncio.Task[object]] = set()
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Take no more connections; those that there are go on."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    async def wait_closed(self) -> None:
        """Return when every connection that was taken has its protocol."""
        await asyncio.gather(*self._begun, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(_MAX_ACCEPTS_PER_WAKEUP):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _RESOURCE_ERRORS:
                    self._pause(error)
                return
            connection.setblocking(False)
            task: asyncio.Task[object] = self._loop.create_task(
                self._loop.connect_accepted_socket(self._protocol, connection)
            )
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)

    def _pause(self, error: OSError) -> None:
        """Connections wait in the backlog until something has been closed."""
        _log.error("no more connections can be opened for the moment", extra={"problem": error.strerror})
        self._loop.remove_reader(self._listener)
        self._loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)
