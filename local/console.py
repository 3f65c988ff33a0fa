"""Progress on the terminal: one line a step, with its time, and whether there was anything to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


class Step:
    """A step under way; `note` or `give_up` says how it ended, which is shown behind its title."""

    def __init__(self) -> None:
        self.outcome = "done"
        self.given_up = False

    def note(self, outcome: str) -> None:
        """Set the words that end the step's line, such as `there already`."""
        self.outcome = outcome

    def give_up(self, reason: str) -> None:
        """Say that the step was not done, and why, where the steps after it are done all the same."""
        self.outcome, self.given_up = reason, True


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Announce a step, then print how it ended and how long it took."""
    say(f"• {title} …")
    started = time.monotonic()
    current = Step()
    try:
        yield current
    except BaseException:
        print(f"✗ {title}: not done", file=sys.stderr, flush=True)
        raise
    if current.given_up:
        print(f"✗ {title}: given up ({current.outcome})", file=sys.stderr, flush=True)
    else:
        say(f"✓ {title}: {current.outcome} ({time.monotonic() - started:.1f} s)")
