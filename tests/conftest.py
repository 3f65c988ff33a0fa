"""How the tests are shared among pytest-xdist's processes: `make test`."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

LONG = ("tests/e2e", "tests/pulumi_cli")


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # the library has no types
    """Keeps the tests of a file together, and the end-to-end tests, which share one stack, in one process.

    So are those of the Pulumi CLI, in another one.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in LONG if file.startswith(f"{folder}/")), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """The scheduler in place of the one that --dist names."""
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Among several processes the longest come first, each in a process of its own."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(LONG))
