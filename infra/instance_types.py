"""EC2 instance types and how many tasks fit on one. Imports no Pulumi."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

CPU_UNITS_A_VCPU: Final = 1024
TASK_MEMORY_SHARE: Final = 0.93
"""The share of a machine's memory that the kernel and the ECS agent leave to tasks: a t3.medium registers 3.8 of 4 GiB.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/memory-management.html
("Reserving Amazon ECS Linux container instance memory")"""

_GPU_FAMILIES: Final = re.compile(r"(g4dn|g5|g6|g6e|gr6|p4d|p4de|p5|p5e|p5en)\..+")
"""x86 machines with NVIDIA GPUs that ECS's AMI for GPUs runs on. Source:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-gpu.html ("Amazon ECS task definitions for GPU
workloads")"""
_ARM_FAMILIES: Final = re.compile(r"(a1|[a-z]+\d+g[a-z]*)\..+")


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """memory_mib: of the machine. interfaces: network interfaces, its own included. gpus: from NVIDIA."""

    vcpus: int
    memory_mib: int
    interfaces: int
    gpus: int = 0

    @property
    def task_memory_mib(self) -> int:
        """The memory that tasks may reserve, MiB."""
        return int(self.memory_mib * TASK_MEMORY_SHARE)

    def tasks(self, *, cpu: int, memory_mib: int, gpus: int, own_interfaces: bool) -> int:
        """How many tasks of this size fit. own_interfaces: each task has a network interface (awsvpc)."""
        limits = [self.vcpus * CPU_UNITS_A_VCPU // cpu, self.task_memory_mib // memory_mib]
        if gpus:
            limits.append(self.gpus // gpus)
        if own_interfaces:
            limits.append(self.interfaces - 1)
        return min(limits)


def has_gpus(name: str) -> bool:
    """Whether an instance type, in the table or not, has GPUs that tasks can reserve."""
    return bool(_GPU_FAMILIES.fullmatch(name))


def is_arm(name: str) -> bool:
    """Whether an instance type, in the table or not, is an ARM machine."""
    return bool(_ARM_FAMILIES.fullmatch(name))


def _family(name: str, sizes: Mapping[str, tuple[int, float, int, int]]) -> dict[str, InstanceType]:
    """sizes: to vCPUs, GiB, network interfaces, GPUs."""
    return {
        f"{name}.{size}": InstanceType(vcpus=vcpus, memory_mib=int(gib * 1024), interfaces=interfaces, gpus=gpus)
        for size, (vcpus, gib, interfaces, gpus) in sizes.items()
    }


def _general(names: str, gib_a_vcpu: int) -> dict[str, InstanceType]:
    shapes = {"large": (2, 3), "xlarge": (4, 4), "2xlarge": (8, 4), "4xlarge": (16, 8)}
    sizes = {size: (vcpus, vcpus * gib_a_vcpu, interfaces, 0) for size, (vcpus, interfaces) in shapes.items()}
    return {key: one for name in names.split() for key, one in _family(name, sizes).items()}


_BURSTABLE: Final = {
    "nano": (2, 0.5, 2, 0),
    "micro": (2, 1, 2, 0),
    "small": (2, 2, 3, 0),
    "medium": (2, 4, 3, 0),
    "large": (2, 8, 3, 0),
    "xlarge": (4, 16, 4, 0),
    "2xlarge": (8, 32, 4, 0),
}

INSTANCE_TYPES: Final[Mapping[str, InstanceType]] = MappingProxyType(
    {
        **_family("t3", _BURSTABLE),
        **_family("t4g", _BURSTABLE),
        **_general("m5 m6i m6g m7i m7g", 4),
        **_general("c6i c6g c7i c7g", 2),
        **_general("r5 r6i r6g r7i r7g", 8),
        **_family(
            "g4dn",
            {
                "xlarge": (4, 16, 3, 1),
                "2xlarge": (8, 32, 3, 1),
                "4xlarge": (16, 64, 3, 1),
                "8xlarge": (32, 128, 4, 1),
                "12xlarge": (48, 192, 8, 4),
                "16xlarge": (64, 256, 4, 1),
            },
        ),
        **_family(
            "g5",
            {
                "xlarge": (4, 16, 4, 1),
                "2xlarge": (8, 32, 4, 1),
                "4xlarge": (16, 64, 8, 1),
                "8xlarge": (32, 128, 8, 1),
                "12xlarge": (48, 192, 15, 4),
                "16xlarge": (64, 256, 8, 1),
                "24xlarge": (96, 384, 15, 4),
                "48xlarge": (192, 768, 7, 8),
            },
        ),
        **_family(
            "g6",
            {
                "xlarge": (4, 16, 4, 1),
                "2xlarge": (8, 32, 4, 1),
                "4xlarge": (16, 64, 8, 1),
                "8xlarge": (32, 128, 8, 1),
                "12xlarge": (48, 192, 8, 4),
                "16xlarge": (64, 256, 15, 1),
                "24xlarge": (96, 384, 15, 4),
                "48xlarge": (192, 768, 15, 8),
            },
        ),
    }
)
"""Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html ("Amazon EC2 instance types");
interfaces: also pkg/aws/vpc/limits.go of github.com/aws/amazon-vpc-resource-controller-k8s, made from EC2's API."""


def smallest_type(*, cpu: int, memory_mib: int, gpus: int, arm: bool) -> str | None:
    """The smallest type of the table on which a task of this size fits; None: there is none."""
    fitting = [
        name
        for name, kind in INSTANCE_TYPES.items()
        if is_arm(name) is arm
        and bool(kind.gpus) is bool(gpus)
        and kind.tasks(cpu=cpu, memory_mib=memory_mib, gpus=gpus, own_interfaces=True)
    ]
    return min(fitting, key=lambda name: (INSTANCE_TYPES[name].vcpus, INSTANCE_TYPES[name].memory_mib), default=None)
