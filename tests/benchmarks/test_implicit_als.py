"""The page of training beside `implicit`, the ratings that both learn, and what a process tells of our training."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from benchmarks.als_process import FILES, Job, train_ours
from benchmarks.als_process import measure as measure_training
from benchmarks.implicit_als import SizeResult, main, page, write_matrix
from benchmarks.training import sides

_JOB = Job(factors=8, sweeps=2, threads=1)


def _run(sweep: float, *, before: float, peak: float) -> dict[str, object]:
    return {"sweeps": [sweep, sweep + 1.0, sweep + 2.0], "seconds": 9.0, "before_mb": before, "peak_mb": peak}


def _result() -> SizeResult:
    runs = {
        "ours": [_run(2.0, before=500, peak=536), _run(1.0, before=501, peak=530), _run(9.0, before=499, peak=560)],
        "implicit": [_run(0.5, before=60, peak=90)] * 3,
    }
    job = Job(factors=50, sweeps=3, threads=2)
    return SizeResult(ratings=1_000_000, users=20_000, items=10_000, job=job, runs=runs)


def test_the_page_tells_medians_ratios_and_memory_beside_the_ratings_and_factors() -> None:
    machine = {"cores": 2, "processor": "A processor", "load_before": 1.5, "commit": "abc"}
    text = page([_result()], machine, version="0.7.3")
    assert "implicit 0.7.3" in text
    assert "50 factors, 3 sweeps" in text
    assert "ratings 12 MB, with factors 18 MB" in text
    assert "| **ours**, exact | 3.00 (1.00 to 11.00) | 9.00 | 536 | 500 | 36 | 2.00 |" in text
    assert (
        "| implicit, 3 steps of conjugate gradient (its default) | 1.50 (0.50 to 2.50) | 9.00 | 90 | 60 | 30 | 1.67 |"
        in text
    )
    assert "A sweep of ours takes 2.00 times that of implicit, 3 steps" in text


def test_the_files_hold_as_many_ratings_in_rows_of_users(tmp_path: Path) -> None:
    write_matrix(tmp_path, 5000, seed=0)
    data, indices, indptr = (np.load(tmp_path / f"{name}.npy") for name in FILES)
    users, items = sides(5000)
    matrix = sparse.csr_array((data, indices, indptr), shape=(users, items))
    assert (data.dtype, indices.dtype, indptr.dtype) == (np.float32, np.int32, np.int32)
    assert len(data) == 5000
    assert (data.min(), data.max()) == (np.float32(0.1), 1.0)
    assert matrix.has_canonical_format
    assert np.diff(indptr).max() < items


def test_each_sweep_of_our_training_is_clocked(tmp_path: Path) -> None:
    write_matrix(tmp_path, 5000, seed=0)
    found = measure_training(train_ours, tmp_path, sides(5000), _JOB)
    assert len(found["sweeps"]) == _JOB.sweeps
    assert all(second > 0 for second in found["sweeps"])
    assert sum(found["sweeps"]) < found["seconds"]
    assert 0 < found["before_mb"] < 20_000


@pytest.mark.parametrize(
    "arguments", [["--ratings", "many"], ["--ratings", "10"], ["--rounds", "0"], ["--threads", "-1"]]
)
def test_a_number_that_cannot_be_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert arguments[1] in capsys.readouterr().err
