"""The settings of the fuzz tests."""

import os

from hypothesis import HealthCheck, settings

_EXAMPLES = os.environ.get("FUZZ_EXAMPLES")


def fuzz(examples: int) -> settings:
    """The same examples in each run, so that a change turns it red; FUZZ_EXAMPLES=20000 tries as many new ones."""
    return settings(
        max_examples=int(_EXAMPLES or examples),
        derandomize=_EXAMPLES is None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
