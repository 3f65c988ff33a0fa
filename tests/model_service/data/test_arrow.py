"""Columns of pyarrow as arrays of numpy."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from model_service.data.arrow import as_numpy
from tests.model_service.process import ROOT


def test_a_column_in_several_parts_is_one_array() -> None:
    assert as_numpy(pa.chunked_array([[1, 2], [3]])).tolist() == [1, 2, 3]
    assert as_numpy(pa.array([1, 2], pa.int32())).dtype == np.int32
    assert as_numpy(pa.chunked_array([], pa.float32())).dtype == np.float32


def test_nulls_of_decimal_numbers_are_nan() -> None:
    np.testing.assert_array_equal(as_numpy(pa.chunked_array([[1.5, None]])), [1.5, np.nan])


def test_reading_does_not_import_pandas(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text(
        "userId,movieId,rating,timestamp\n" + "".join(f"{u},{u % 7},{u % 5},{10**9 + u}\n" for u in range(50))
    )
    program = f"import sys; from model_service.data.reader import read_ratings; read_ratings({str(file)!r}); "
    done = subprocess.run(
        [sys.executable, "-c", program + "print('pandas' in sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
