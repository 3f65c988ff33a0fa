"""What can go wrong in a benchmark without being a mistake in it."""


class BenchmarkError(Exception):
    """A step failed; the message says which and why. One contender's failure is reported in its place in the table."""
