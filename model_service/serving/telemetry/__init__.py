"""Metrics in shared memory and their exporters, the access log, structured logs."""
