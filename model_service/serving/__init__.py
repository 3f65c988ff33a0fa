"""Serving: ranking, the HTTP service, the health check. Importing this package imports nothing else."""
