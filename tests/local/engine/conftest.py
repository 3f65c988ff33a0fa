"""The program's own fixtures."""

from tests.infra.conftest import project

__all__ = ["project"]
