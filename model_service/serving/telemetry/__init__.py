"""Metrics in shared memory, their exporters, and logs."""
