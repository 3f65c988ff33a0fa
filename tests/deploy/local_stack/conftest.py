"""The local stack's own fixtures."""

from tests.local.conftest import processes, settings

__all__ = ["processes", "settings"]
