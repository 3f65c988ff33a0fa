"""What a stack tells about itself."""

from collections.abc import Mapping

import pulumi


def export_all(outputs: Mapping[str, pulumi.Input[object] | None]) -> None:
    """Export each value under its name, but for those that are None: of parts that nobody asked for."""
    for name, value in outputs.items():
        if value is not None:
            pulumi.export(name, value)
