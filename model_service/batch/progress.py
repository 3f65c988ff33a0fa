"""Progress of a batch run: a bar on a terminal, a line every ten seconds elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Final, Self, TextIO

_EVERY_SECONDS: Final = 10.0


class Progress:
    """Counts users, and tells how many there are a second; a context manager."""

    def __init__(self, total: int, done: int, stream: TextIO | None = None) -> None:
        """done: of `total`, by an earlier run. stream: standard error by default."""
        self._stream = stream or sys.stderr
        self._total, self._done, self._new = total, done, 0
        self._started = self._told = time.monotonic()
        self._bar: Any = None
        if self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, desc="scoring", unit=" users", file=self._stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def add(self, users: int) -> None:
        """Count users that were scored."""
        self._new += users
        if self._bar is not None:
            self._bar.update(users)
            return
        now = time.monotonic()
        if now - self._told >= _EVERY_SECONDS:
            self._told = now
            print(
                f"{self._done + self._new:,} of {self._total:,} users, {self.rate:,.0f} users/s",
                file=self._stream,
                flush=True,
            )

    @property
    def rate(self) -> float:
        """Users a second in this run."""
        return self._new / max(time.monotonic() - self._started, 1e-9)
