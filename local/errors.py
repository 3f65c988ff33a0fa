"""The error that a person can act on: its text is the whole message."""


class LocalError(Exception):
    """Something on this machine is not as the local stack needs it; the text says what and what to do."""
