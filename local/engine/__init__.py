"""Deploys the Pulumi program to the emulated AWS without the Pulumi CLI.

The SDK's own mock runtime evaluates `__main__.py`; each resource it registers is created, updated or left alone by a
small handler that calls the AWS API. Resources are recorded in a state file, so that a second run changes nothing.
"""
