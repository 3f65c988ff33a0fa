"""The CPU and memory pairs that Fargate runs.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
("Troubleshoot Amazon ECS task definition invalid CPU or memory errors")
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

GIB: Final = 1024

MEMORY_MIB_BY_CPU: Final[Mapping[int, Sequence[int]]] = MappingProxyType(
    {
        256: (512, 1 * GIB, 2 * GIB),
        512: tuple(range(1 * GIB, 4 * GIB + 1, GIB)),
        1024: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
        2048: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
        4096: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
        8192: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
        16384: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
    }
)
"""CPU units to the memory sizes, in MiB and ascending, that go with them."""


def check_fargate_cpu(cpu: int) -> None:
    """Raise ValueError unless Fargate has tasks of this many CPU units."""
    if cpu not in MEMORY_MIB_BY_CPU:
        allowed = ", ".join(str(size) for size in MEMORY_MIB_BY_CPU)
        raise ValueError(f"Fargate has no task with {cpu} CPU units; allowed: {allowed}")


def check_fargate_size(cpu: int, memory_mib: int) -> None:
    """Raise ValueError unless Fargate runs tasks of this many CPU units and MiB."""
    check_fargate_cpu(cpu)
    allowed = MEMORY_MIB_BY_CPU[cpu]
    if memory_mib not in allowed:
        sizes = ", ".join(str(size) for size in allowed)
        raise ValueError(f"Fargate has no task with {cpu} CPU units and {memory_mib} MiB; with {cpu}: {sizes}")


def nearest_memory_mib(cpu: int, memory_mib: int) -> int:
    """The allowed size for this many CPU units, in MiB, that lies nearest to the one asked for."""
    return min(MEMORY_MIB_BY_CPU[cpu], key=lambda size: abs(size - memory_mib))
