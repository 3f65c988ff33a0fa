"""Types of the benchmarks' command lines."""

import argparse


def positive(text: str) -> int:
    """A whole number of at least 1; raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
