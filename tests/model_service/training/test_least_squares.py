"""The normal equations of one side: C and PyTorch against the definition."""

import numpy as np
import pytest
import torch
from scipy import sparse

from model_service.training import least_squares
from model_service.training.least_squares import Prior, Rows, SingularError, gram, solve_rows

_GENERATOR = np.random.default_rng(3)


def _case(factors: int, *, users: int = 40, items: int = 300, long_row: int = 290) -> tuple[Rows, Prior, torch.Tensor]:
    dense = np.where(_GENERATOR.random((users, items)) < 0.1, _GENERATOR.random((users, items)), 0.0)
    dense[0, :long_row] = _GENERATOR.random(long_row) + 0.1
    dense[7] = 0.0
    matrix = sparse.csr_array(dense.astype(np.float32))
    rows = Rows.of(matrix)
    rows = Rows(
        indptr=rows.indptr,
        columns=rows.columns,
        weights=rows.weights,
        targets=_GENERATOR.normal(size=matrix.nnz).astype(np.float32),
    )
    half = _GENERATOR.normal(size=(factors, factors))
    prior = Prior(
        base=half @ half.T,
        base_rhs=_GENERATOR.normal(size=factors),
        penalty=_GENERATOR.random(factors) + 0.1,
        shift=2.5,
    )
    return rows, prior, torch.from_numpy(_GENERATOR.normal(size=(items, factors)).astype(np.float32))


def _expected(rows: Rows, prior: Prior, vectors: torch.Tensor, offset: torch.Tensor) -> np.ndarray:
    assert rows.weights is not None
    assert rows.targets is not None
    solutions = []
    for row in range(len(rows)):
        span = slice(rows.indptr[row], rows.indptr[row + 1])
        z = vectors.numpy()[rows.columns[span]].astype(np.float64)
        weights = rows.weights[span].astype(np.float64)
        targets = rows.targets[span] - offset.numpy()[rows.columns[span]].astype(np.float64)
        system = prior.base + (z * weights[:, None]).T @ z + (len(z) + prior.shift) * np.diag(prior.penalty)
        solutions.append(np.linalg.solve(system, prior.base_rhs + z.T @ (weights * targets)))
    return np.array(solutions)


@pytest.mark.parametrize("kernel", ["native", "portable", "torch", "torch in pieces"])
@pytest.mark.parametrize("factors", [1, 8, 11, 16, 33])
def test_every_row_is_the_solution_of_its_system(factors: int, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, prior, vectors = _case(factors)
    offset = torch.from_numpy(_GENERATOR.normal(size=len(vectors)).astype(np.float32))
    if kernel == "portable":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    elif kernel != "native":
        monkeypatch.setattr(least_squares, "_library", lambda: None)
    else:
        assert least_squares._library() is not None
    if kernel == "torch in pieces":
        monkeypatch.setattr(least_squares, "_MAX_BATCH_ELEMENTS", 64)
    found = solve_rows(rows, vectors, prior, offset=offset)
    np.testing.assert_allclose(found, _expected(rows, prior, vectors, offset), atol=3e-4, rtol=3e-4)


def test_a_row_of_many_entries_is_summed_in_pieces_and_stays_exact() -> None:
    count = 3 * 8192 + 77
    columns = np.arange(count, dtype=np.int32)
    rows = Rows(indptr=np.array([0, count]), columns=columns, weights=None, targets=None)
    vectors = torch.from_numpy(_GENERATOR.normal(size=(count, 5)).astype(np.float32))
    prior = Prior(base=np.zeros((5, 5)), base_rhs=np.zeros(5), penalty=np.ones(5), shift=0.0)
    z = vectors.numpy().astype(np.float64)
    expected = np.linalg.solve(z.T @ z + count * np.eye(5), z.sum(axis=0))
    np.testing.assert_allclose(solve_rows(rows, vectors, prior)[0], expected, rtol=1e-4)


def test_the_number_of_threads_does_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, prior, vectors = _case(8)
    first = solve_rows(rows, vectors, prior)
    monkeypatch.setattr(least_squares, "_ENTRIES_PER_TASK", (50, 50))
    monkeypatch.setattr(least_squares, "_threads", lambda: 3)
    assert torch.equal(first, solve_rows(rows, vectors, prior))


def test_rows_without_entries_are_zeros_unless_there_is_a_prior() -> None:
    rows, prior, vectors = _case(4)
    without = Prior(base=prior.base, base_rhs=np.zeros(4), penalty=prior.penalty, shift=prior.shift)
    assert solve_rows(rows, vectors, prior)[7].abs().sum() > 0
    assert solve_rows(rows, vectors, without)[7].abs().sum() == 0


@pytest.mark.parametrize("native", [True, False])
def test_a_system_without_a_solution_is_told(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not native:
        monkeypatch.setattr(least_squares, "_library", lambda: None)
    rows = Rows(indptr=np.array([0, 1]), columns=np.zeros(1, np.int32), weights=None, targets=None)
    prior = Prior(base=np.zeros((2, 2)), base_rhs=np.zeros(2), penalty=np.zeros(2), shift=0.0)
    with pytest.raises(SingularError, match="raise the regularisation"):
        solve_rows(rows, torch.ones(1, 2), prior)


def test_the_gram_matrix_is_weighted() -> None:
    vectors = torch.from_numpy(_GENERATOR.normal(size=(20_000, 3)).astype(np.float32))
    weights = _GENERATOR.random(20_000)
    z = vectors.numpy().astype(np.float64)
    np.testing.assert_allclose(gram(vectors), z.T @ z, rtol=1e-9)
    np.testing.assert_allclose(gram(vectors, weights), (z * weights[:, None]).T @ z, rtol=1e-6)
