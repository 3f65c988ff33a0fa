"""Events of the engine: JSON lines on standard output, for the process that started it."""

import json
import threading
from typing import Any, TextIO


class Events:
    """Writes events, one JSON object a line, whole even when several threads write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def resource(self, operation: str, *, type_: str, name: str, seconds: float | None = None) -> None:
        """A resource was created, changed, left or deleted; without `seconds`, the operation begins."""
        self._write(kind="resource", operation=operation, type=type_, name=name, seconds=seconds)

    def log(self, message: str) -> None:
        """A line of progress, such as of an image build."""
        self._write(kind="log", message=message)

    def outputs(self, values: dict[str, Any]) -> None:
        """The stack's outputs, at the end of a run that succeeded."""
        self._write(kind="outputs", values=values)

    def error(self, message: str, *, resource: str = "") -> None:
        """Why the run failed, and on which resource."""
        self._write(kind="error", message=message, resource=resource)

    def _write(self, **event: Any) -> None:
        with self._lock:
            print(json.dumps(event), file=self._stream, flush=True)
