"""The HTTP API: a router per resource, its schemas and parameters."""
