"""The mistakes that a user of the program can make, told without a traceback."""

import pulumi


class ProgramError(pulumi.RunError):
    """A mistake outside the program: Pulumi prints the message alone and stops the deployment."""


class ConfigError(ProgramError):
    """A stack's configuration that cannot be deployed.

    The message names the key, the value received, what is allowed, and the command that mends it.
    """

    def __init__(self, *, key: str, problem: str, command: str) -> None:
        self.key = key
        super().__init__(f"recommender:{key} {problem}\nTo mend it: {command}")
