"""Validation of a stack's settings without an account, the Pulumi CLI or Docker."""
