"""Native engine: the C kernel filters items by int8 upper bounds, then scores the remaining ones exactly."""

import ctypes
import mmap
import struct
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.top_k import Query, QueryBlock, Rows, TopK

LIBRARY = Path(__file__).parents[2] / "native" / "topn.so"
_ABI = 3
_LANES = 32
_PACKED_ROWS = 1 << 17
_LARGE_BYTES = 1 << 26
_RELEASE_AFTER = 16  # queries: together they fault in half of a large file (200 items each, 64 KiB around each)
_ADDRESS = ctypes.c_void_p
_INTEGER = ctypes.c_int64


class NativeError(Exception):
    """The compiled library is missing or was built for another version of this code."""


class NativeEngine:
    """Quantised items of k + 8 bytes each, plus the full-precision factors, read only for the items that are rescored.

    Pages of large memory-mapped factors are released regularly, so that a process holds the quantised items and a
    part of the file, not both.
    """

    name = "native"

    def __init__(
        self,
        factors: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        library: Path = LIBRARY,
        instructions: int | None = None,
    ) -> None:
        """`factors` (I, k) and `bias` (I,) are held and must not change.

        instructions: at most these, 0 to 2 as in topn.c, for tests; by default the processor's. Raises NativeError when
        `library` cannot be used.
        """
        self._library = _load(library)
        self._factors, self._bias = np.ascontiguousarray(factors), np.ascontiguousarray(bias)
        self._items, self._k = len(factors), factors.shape[1]
        self._bounds = np.zeros(3)  # Bounds of topn.c
        self._file = _mapped_file(self._factors)
        self._packed = self._pack()
        self._queries_since_release = 0
        self._scratch_bytes = int(self._library.topn_scratch_bytes(self._k))
        found = int(self._library.topn_instructions())
        used = found if instructions is None else min(instructions, found)
        arrays = [_address(array) for array in (self._packed, self._factors, self._bias, self._bounds)]
        self._static = (used, *arrays, self._items, self._k)

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """One result for each query; raises ValueError for one that does not fit or has a vector that is not finite."""
        for query in queries:
            query.check(self._items, self._k)
        counts = [min(query.n, self._items) for query in queries]
        ends = list(accumulate(_result_words(n) for n in counts))
        words = (ends[-1] if ends else 0) + -(-self._scratch_bytes * len(queries) // 8)
        out = np.empty(words, np.int64)
        params: list[int] = []
        for query, n in zip(queries, counts, strict=True):
            params += (len(query.exclude), n, 0 if query.mask is None else _address(query.mask))
        vectors = b"".join([query.vector.tobytes() for query in queries])
        exclusions = b"".join([query.exclude.tobytes() for query in queries])
        table = struct.pack(f"{len(params)}q", *params)
        if self._library.topn_search(*self._static, len(queries), vectors, exclusions, table, _address(out)):
            raise ValueError("a user's vector has to hold finite numbers")
        self._count(len(queries))
        return [_result(out[end - _result_words(n) : end], n) for n, end in zip(counts, ends, strict=True)]

    def top_k_block(self, block: QueryBlock) -> tuple[Rows, NDArray[np.int64]]:
        """Item rows (m,) of all vectors, each's best first, and how many are of each (B,); else as `top_k`.

        Threads may call it at the same time: the kernel runs without the GIL.
        """
        block.check(self._items, self._k)
        users, n, words = len(block.vectors), block.n, _result_words(block.n)
        vectors, exclude = np.ascontiguousarray(block.vectors), np.ascontiguousarray(block.exclude)
        params = np.zeros((users, 3), np.int64)  # QueryParams of topn.c
        params[:, 0], params[:, 1] = block.lengths, n
        out = np.empty(users * words + -(-self._scratch_bytes * users // 8), np.int64)
        addresses = [_address(array) for array in (vectors, exclude, params, out)]
        if self._library.topn_search(*self._static, users, *addresses):
            raise ValueError("a user's vector has to hold finite numbers")
        self._count(users)
        results = out[: users * words].reshape(users, words)
        counts = results[:, 0].copy()
        rows = results[:, 1 + n :].view(np.int32)[:, :n]
        return rows[np.arange(n) < counts[:, None]], counts

    def _count(self, queries: int) -> None:
        self._queries_since_release += queries
        if self._queries_since_release >= _RELEASE_AFTER:
            self._queries_since_release = 0
            if self._file is not None and len(self._file) >= _LARGE_BYTES:
                _release(self._file)

    def _pack(self) -> NDArray[np.uint8]:
        """The quantised items; pages of a memory-mapped file are released block by block."""
        blocks = -(-self._items // _LANES)
        block_bytes = int(self._library.topn_block_bytes(self._k))
        packed = np.zeros(blocks * block_bytes, np.uint8)
        for first in range(0, self._items, _PACKED_ROWS):
            factors, bias = self._factors[first : first + _PACKED_ROWS], self._bias[first : first + _PACKED_ROWS]
            into = packed[first // _LANES * block_bytes :]
            addresses = _address(factors), _address(bias), len(factors), self._k, _address(into), _address(self._bounds)
            self._library.topn_pack(*addresses)
            if self._file is not None:
                _release(self._file)
        return packed


def _result_words(n: int) -> int:
    """The size of a result in topn.c, in words of 8 bytes: the count, n scores, n rows."""
    return 1 + n + (n + 1) // 2


def _result(words: NDArray[np.int64], n: int) -> TopK:
    count = int(words[0])
    return TopK(rows=words[1 + n :].view(np.int32)[:count], scores=words[1 : 1 + count].view(np.float64))


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _load(path: Path) -> ctypes.CDLL:
    fix = "python -m model_service.native.build builds it"
    try:
        library = ctypes.CDLL(str(path))
        abi = int(library.topn_abi())
    except (OSError, AttributeError) as error:
        raise NativeError(f"{path} cannot be used ({error}); {fix}") from None
    if abi != _ABI:
        raise NativeError(f"{path} has interface {abi}, expected {_ABI}; {fix}")
    for name, arguments, result in (
        ("topn_instructions", (), ctypes.c_int32),
        ("topn_block_bytes", (_INTEGER,), _INTEGER),
        ("topn_scratch_bytes", (_INTEGER,), _INTEGER),
        ("topn_pack", (_ADDRESS, _ADDRESS, _INTEGER, _INTEGER, _ADDRESS, _ADDRESS), None),
        ("topn_search", (ctypes.c_int32, *[_ADDRESS] * 4, *[_INTEGER] * 3, *[_ADDRESS] * 4), _INTEGER),
    ):
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library


def _mapped_file(array: NDArray[np.float32]) -> mmap.mmap | None:
    """The memory map that `array` is a view of, if any."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def _release(file: mmap.mmap) -> None:
    """Release the resident pages of a memory map; they are read again on access."""
    if hasattr(mmap, "MADV_DONTNEED"):
        file.madvise(mmap.MADV_DONTNEED)
