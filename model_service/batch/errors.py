"""What ends a batch run without being a mistake in it."""


class BatchError(Exception):
    """The run cannot start or go on; the message says why and what to do."""
