"""Evaluates a Pulumi program in this process, under the SDK's mock runtime and without the Pulumi engine."""
