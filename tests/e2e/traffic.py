"""A client that asks all along and remembers every answer that was not the right one."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from types import TracebackType


class Traffic:
    """Asks `url` without pause in a thread while the `with` block runs."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.versions: list[str] = []
        self.failures: list[str] = []

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _ask(self) -> None:
        uid = 0
        while not self._stop.is_set():
            uid = uid % 900 + 1
            try:
                with urllib.request.urlopen(f"{self._url}/?uid={uid}", timeout=10) as answer:
                    if len(json.load(answer)["response"]) != 10:
                        self.failures.append(f"uid {uid}: not ten films")
                    self.versions.append(answer.headers["X-Model-Version"])
            except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
                self.failures.append(f"uid {uid} at {time.strftime('%H:%M:%S')}: {error!r}")
            time.sleep(0.005)
