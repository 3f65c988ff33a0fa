"""Claims about the table of instance types, and about how many tasks fit."""

import pytest

from infra.instance_types import INSTANCE_TYPES, has_gpus, is_arm, smallest_type


def test_a_task_with_an_interface_of_its_own_takes_one_that_the_machine_leaves() -> None:
    kind = INSTANCE_TYPES["t3.medium"]
    assert kind.tasks(cpu=256, memory_mib=512, gpus=0, own_interfaces=True) == 2
    assert kind.tasks(cpu=256, memory_mib=512, gpus=0, own_interfaces=False) == 7
    assert kind.tasks(cpu=1024, memory_mib=512, gpus=0, own_interfaces=False) == 2


def test_memory_is_what_the_kernel_and_the_agent_leave() -> None:
    kind = INSTANCE_TYPES["t3.medium"]
    assert 3700 < kind.task_memory_mib < 3850
    assert kind.tasks(cpu=256, memory_mib=2048, gpus=0, own_interfaces=False) == 1


def test_a_gpu_is_for_one_task() -> None:
    kind = INSTANCE_TYPES["g4dn.12xlarge"]
    assert [kind.tasks(cpu=256, memory_mib=512, gpus=gpus, own_interfaces=False) for gpus in (1, 2, 4, 5)] == [
        4,
        2,
        1,
        0,
    ]


def test_the_table_and_the_families_agree() -> None:
    for name, kind in INSTANCE_TYPES.items():
        assert has_gpus(name) == bool(kind.gpus), name
        assert kind.interfaces >= 2, name
        assert kind.memory_mib >= 512, name
    assert is_arm("m7g.large")
    assert is_arm("g5g.xlarge")
    assert not has_gpus("g5g.xlarge")
    assert not has_gpus("g4ad.xlarge")
    assert not is_arm("g5.xlarge")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ({"cpu": 256, "memory_mib": 512, "gpus": 0, "arm": False}, "t3.micro"),
        ({"cpu": 4096, "memory_mib": 8192, "gpus": 0, "arm": True}, "t4g.xlarge"),
        ({"cpu": 4096, "memory_mib": 8192, "gpus": 2, "arm": False}, "g4dn.12xlarge"),
        ({"cpu": 4096, "memory_mib": 8192, "gpus": 1, "arm": True}, None),
    ],
)
def test_the_proposed_type_is_the_smallest_on_which_a_task_fits(size: dict[str, int], expected: str | None) -> None:
    name = smallest_type(**size)  # type: ignore[arg-type]
    if expected is None:
        assert name is None
        return
    assert name is not None
    assert INSTANCE_TYPES[name].vcpus == INSTANCE_TYPES[expected].vcpus
    assert INSTANCE_TYPES[name].memory_mib <= INSTANCE_TYPES[expected].memory_mib
