"""Ridge regression for each row of a sparse matrix: the step that all alternating least squares share.

With the entries j of a row (columns c_j, weights w_j, targets t_j) and the columns' vectors z:

    (base + Σ w_j z_j z_jᵀ + (n + shift) diag(penalty)) x = base_rhs + Σ w_j (t_j - offset_j) z_j

On a CPU the C kernel `native/als.c` solves it, row ranges shared by threads; PyTorch on a GPU, and where there is no
compiler. Both take a row's entries in pieces, so that memory does not grow with the longest row.
"""

import ctypes
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from model_service.native import build

_ABI = 1
_ENTRIES_PER_TASK = 1 << 12, 1 << 18  # least and most of one thread at a time; a row is never split between threads
_TASKS_PER_THREAD = 8  # so that a thread with long rows does not keep the others waiting
_MAX_BATCH_ELEMENTS = 1 << 20  # float32 gathered by PyTorch at a time, 4 MiB
_POINTER = ctypes.c_void_p


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A sparse matrix by rows. weights or targets None: all 1."""

    indptr: NDArray[np.int64]  # (R + 1,)
    columns: NDArray[np.int32]  # (N,)
    weights: NDArray[np.float32] | None  # (N,)
    targets: NDArray[np.float32] | None  # (N,)

    @classmethod
    def of(cls, matrix: sparse.csr_array, *, targets: bool = False) -> "Rows":
        """The entries of `matrix` as weights, or as targets."""
        values = matrix.data.astype(np.float32, copy=False)
        return cls(
            indptr=matrix.indptr.astype(np.int64),
            columns=matrix.indices.astype(np.int32, copy=False),
            weights=None if targets else values,
            targets=values if targets else None,
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is common to all rows: `base` (k, k), `base_rhs` (k,), `penalty` (k,), in float64, and `shift`."""

    base: NDArray[np.float64]
    base_rhs: NDArray[np.float64]
    penalty: NDArray[np.float64]
    shift: float


class SingularError(ArithmeticError):
    """A row's system has no unique solution: the regularisation is too small."""


def solve_rows(rows: Rows, vectors: Tensor, prior: Prior, *, offset: Tensor | None = None) -> Tensor:
    """(R, k) the solution for each row, zeros where it has no entries and `base_rhs` is zero.

    vectors (J, k), offset (J,): of the columns, float32 on one device. Raises SingularError.
    """
    wanted = np.arange(len(rows)) if prior.base_rhs.any() else np.flatnonzero(np.diff(rows.indptr))
    out = vectors.new_zeros(len(rows), vectors.shape[1])
    library = _library() if vectors.device.type == "cpu" else None
    if library is None:
        for row, solution in _solve_with_torch(rows, wanted, vectors, prior, offset):
            out[row] = solution
    else:
        _solve_natively(library, rows, wanted, vectors, prior, offset, out)
    if not torch.isfinite(out).all():
        raise SingularError("a system of normal equations is singular: raise the regularisation")
    return out


class _Problem(ctypes.Structure):
    """`Problem` of als.c."""

    _fields_ = (
        *((name, _POINTER) for name in ("indptr", "columns", "weights", "targets", "vectors", "offset")),
        *((name, _POINTER) for name in ("base", "base_rhs", "penalty")),
        ("shift", ctypes.c_double),
        ("out", _POINTER),
        ("k", ctypes.c_int64),
    )


def _solve_natively(
    library: ctypes.CDLL,
    rows: Rows,
    wanted: NDArray[np.int64],
    vectors: Tensor,
    prior: Prior,
    offset: Tensor | None,
    out: Tensor,
) -> None:
    k = vectors.shape[1]
    columns, fixed = vectors.contiguous().numpy(), None if offset is None else offset.contiguous().numpy()
    arrays = (rows.indptr, rows.columns, rows.weights, rows.targets, columns, fixed)
    shared = tuple(np.ascontiguousarray(a, np.float64) for a in (prior.base, prior.base_rhs, prior.penalty))
    addresses = [0 if array is None else array.ctypes.data for array in (*arrays, *shared)]
    problem = _Problem(*addresses, prior.shift, out.data_ptr(), k)
    use_avx2 = "AVX2" in torch.backends.cpu.get_cpu_capability() or "AVX512" in torch.backends.cpu.get_cpu_capability()

    def solve(part: NDArray[np.int64]) -> int:
        scratch = np.empty(int(library.als_scratch_bytes(k)), np.uint8)
        failed: int = library.als_solve(
            ctypes.byref(problem), part.ctypes.data, len(part), int(use_avx2), scratch.ctypes.data
        )
        return failed

    ends = np.cumsum(np.diff(rows.indptr)[wanted] + k)
    tasks = [part for part in np.split(wanted, _task_bounds(ends)) if len(part)]
    with ThreadPoolExecutor(_threads()) as pool:
        if max(pool.map(solve, tasks), default=-1) >= 0:
            raise SingularError("a system of normal equations is singular: raise the regularisation")


def _task_bounds(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where to split the rows so that each part has about the same number of entries."""
    total = int(ends[-1]) if len(ends) else 0
    entries = int(np.clip(total // (_TASKS_PER_THREAD * _threads()), *_ENTRIES_PER_TASK))
    return np.unique(np.searchsorted(ends, np.arange(entries, total, entries)))


def _threads() -> int:
    """One a processor that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """The compiled kernel, built when it is missing or older than its source; None without a compiler."""
    library = build.LIBRARIES[1]
    try:
        source = library.with_suffix(".c")
        if not library.is_file() or library.stat().st_mtime < source.stat().st_mtime:
            build.build(library)
        loaded = ctypes.CDLL(str(library))
        if loaded.als_abi() != _ABI:
            build.build(library)
            loaded = ctypes.CDLL(str(library))
    except (build.BuildError, OSError):
        return None
    loaded.als_scratch_bytes.argtypes, loaded.als_scratch_bytes.restype = (ctypes.c_int64,), ctypes.c_int64
    loaded.als_solve.argtypes = (_POINTER, _POINTER, ctypes.c_int64, ctypes.c_int32, _POINTER)
    loaded.als_solve.restype = ctypes.c_int64
    return loaded


@torch.no_grad()
def _solve_with_torch(
    rows: Rows, wanted: NDArray[np.int64], vectors: Tensor, prior: Prior, offset: Tensor | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows of similar length are padded to the longest and solved together; longer ones alone, in pieces."""
    device, k = vectors.device, vectors.shape[1]
    counts = np.diff(rows.indptr)
    order = wanted[np.argsort(-counts[wanted], kind="stable")]
    base, rhs, penalty = (
        torch.from_numpy(a).to(device, torch.float32) for a in (prior.base, prior.base_rhs, prior.penalty)
    )
    first = 0
    while first < len(order):
        longest = max(int(counts[order[first]]), 1)
        piece = min(longest, max(1, _MAX_BATCH_ELEMENTS // k))
        fits = 1 if longest > piece else max(1, _MAX_BATCH_ELEMENTS // (k * max(longest, k)))
        batch = order[first : first + fits]
        first += fits
        length = torch.from_numpy(counts[batch]).to(device)[:, None]
        systems, sums = base.repeat(len(batch), 1, 1), rhs.repeat(len(batch), 1)
        systems.diagonal(dim1=1, dim2=2).add_((length + prior.shift) * penalty)
        for start in range(0, longest, piece):
            place = np.arange(start, min(start + piece, longest))
            at = np.minimum(rows.indptr[batch][:, None] + place, max(len(rows.columns) - 1, 0))
            mask = torch.from_numpy(place < counts[batch][:, None]).to(device)
            column = torch.from_numpy(rows.columns[at].astype(np.int64)).to(device)
            weight = mask.float() * (1.0 if rows.weights is None else torch.from_numpy(rows.weights[at]).to(device))
            target = torch.ones_like(weight) if rows.targets is None else torch.from_numpy(rows.targets[at]).to(device)
            target = target if offset is None else target - offset[column]
            x = vectors[column]  # (B, m, k)
            weighted = x * weight[:, :, None]
            systems += weighted.mT @ x
            sums += (weighted.mT @ target[:, :, None])[:, :, 0]
        factor, failed = torch.linalg.cholesky_ex(systems)
        if failed.any():
            raise SingularError("a system of normal equations is singular: raise the regularisation")
        yield torch.from_numpy(batch).to(device), torch.cholesky_solve(sums[:, :, None], factor)[:, :, 0]


def gram(vectors: Tensor, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """(k, k) Σ w_j z_j z_jᵀ over all rows of `vectors` (J, k), in float64 by blocks; weights (J,), default all 1."""
    total = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), 1 << 14):
        block = vectors[start : start + (1 << 14)].double()
        scaled = block if weights is None else block * _column(weights[start : start + len(block)], block)
        total += (scaled.mT @ block).cpu().numpy()
    return total


def _column(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """(m, 1) `values` on the device of `like`."""
    return torch.as_tensor(values, device=like.device)[:, None]
