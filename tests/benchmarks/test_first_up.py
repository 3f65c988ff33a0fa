"""The page about `make up` from a bare clone tells what was printed."""

import pytest

from benchmarks.first_up import FirstUp, page, step_seconds

TOLD = [
    (4.0, "• Packages of requirements/up.txt into .venv"),
    (9.0, "  Resolved 95 packages in 899ms"),
    (30.0, "• Docker engine …"),
    (31.0, "✓ Docker engine: there already (1.0 s)"),
    (31.0, "• Trained model …"),
    (71.0, "• Deploying the stack `local` (without the Pulumi CLI)"),
    (72.0, "• Deployment …"),
    (90.0, "✓ Deployment: 19 created, 0 unchanged (18.0 s)"),
]


def test_a_step_ends_where_the_next_one_begins() -> None:
    seconds = step_seconds(TOLD, 91.0)
    assert seconds == {
        "Packages": 30.0,
        "Docker engine": 1.0,
        "Trained model": 41.0,
        "Deployment": 19.0,
    }
    assert sum(seconds.values()) == pytest.approx(91.0)


def test_runs_stand_side_by_side_and_a_step_that_one_has_not_is_empty() -> None:
    early = FirstUp(commit="aaa", seconds=285.0, steps={"Deployment": 40.0}, venv_mb=6607, cuda=True)
    late = FirstUp(commit="bbb", seconds=91.2, steps=step_seconds(TOLD, 91.2), venv_mb=1166, cuda=False)
    text = page([early, late], {"processor": "a processor", "cores": 2})
    assert "python -m benchmarks.first_up aaa bbb`" in text
    assert "| Packages |  | 30 |" in text
    assert "| **all, seconds** | **285** | **91** |" in text
    assert "| `.venv`, MB on disk | 6,607 | 1,166 |" in text
    assert "| PyTorch's build | with CUDA's libraries | CPU |" in text
