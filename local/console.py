"""Progress on the terminal: a line for each step, with its outcome and duration."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

GREEN: Final = "32"
RED: Final = "31"
BOLD: Final = "1"
_TICK_SECONDS: Final = 1.0
_CLEAR_LINE: Final = "\r\x1b[K"

_output = threading.RLock()


class _Ticker:
    """The line of the step that runs, which a terminal shows until the next line is printed."""

    def __init__(self) -> None:
        self.shown = False

    def show(self, text: str) -> None:
        with _output:
            sys.stdout.write(f"{_CLEAR_LINE}{text}")
            sys.stdout.flush()
            self.shown = True

    def clear(self) -> None:
        with _output:
            if self.shown:
                sys.stdout.write(_CLEAR_LINE)
                sys.stdout.flush()
                self.shown = False


_ticker = _Ticker()


def echo(text: str) -> None:
    """Print a line at once."""
    with _output:
        _ticker.clear()
        print(text, flush=True)


def paint(text: str, code: str, *, stream: IO[str] | None = None) -> str:
    """`text` in a colour, if `stream` (standard output) is a terminal that takes colours and NO_COLOR is not set."""
    return (
        f"\x1b[{code}m{text}\x1b[0m" if _is_terminal(stream or sys.stdout) and not os.environ.get("NO_COLOR") else text
    )


class Step:
    """A step under way; `set_outcome` or `fail` sets the text behind its title."""

    def __init__(self) -> None:
        self.outcome = "done"
        self.failed = False

    def set_outcome(self, outcome: str) -> None:
        """Set the text that ends the step's line, such as `there already`."""
        self.outcome = outcome

    def fail(self, reason: str) -> None:
        """Mark the step as failed with a reason; the next steps run all the same."""
        self.outcome, self.failed = reason, True


@contextmanager
def step(title: str, *, ticking: bool = True) -> Iterator[Step]:
    """Print the title of a step, then its outcome and duration.

    On a terminal, a step of more than a second shows the seconds that it took so far; with `ticking` False it does not,
    as where another process writes to the terminal.
    """
    echo(f"• {title} …")
    started = time.monotonic()
    current = Step()
    try:
        with _elapsed(title, started, enabled=ticking and _is_terminal(sys.stdout)):
            yield current
    except BaseException:
        print(f"{paint('✗', RED, stream=sys.stderr)} {title}: not done", file=sys.stderr, flush=True)
        raise
    if current.failed:
        mark = paint("✗", RED, stream=sys.stderr)
        print(f"{mark} {title}: failed ({current.outcome})", file=sys.stderr, flush=True)
    else:
        echo(f"{paint('✓', GREEN)} {title}: {current.outcome} ({time.monotonic() - started:.1f} s)")


@contextmanager
def _elapsed(title: str, started: float, *, enabled: bool) -> Iterator[None]:
    """Rewrite the terminal's last line each second while the block runs, and leave nothing of it."""
    if not enabled:
        yield
        return
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(_TICK_SECONDS):
            _ticker.show(f"  {title}: {time.monotonic() - started:.0f} s")

    thread = threading.Thread(target=tick, daemon=True, name="elapsed")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _ticker.clear()


def _is_terminal(stream: IO[str]) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"
