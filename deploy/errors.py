"""The error of a deployment that did not succeed."""


class DeployError(Exception):
    """A stack could not be deployed; the text names the resource, the reason and what to do where that is known."""
