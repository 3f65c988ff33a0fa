"""The error of the local stack that a user can fix."""


class LocalError(Exception):
    """The machine does not meet a requirement of the local stack; the text has the reason and the fix."""
