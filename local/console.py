"""Progress on the terminal: a line for each step, with its outcome and duration."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def echo(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


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
def step(title: str) -> Iterator[Step]:
    """Print the title of a step, then its outcome and duration."""
    echo(f"• {title} …")
    started = time.monotonic()
    current = Step()
    try:
        yield current
    except BaseException:
        print(f"✗ {title}: not done", file=sys.stderr, flush=True)
        raise
    if current.failed:
        print(f"✗ {title}: failed ({current.outcome})", file=sys.stderr, flush=True)
    else:
        echo(f"✓ {title}: {current.outcome} ({time.monotonic() - started:.1f} s)")
