"""The engine in C: films packed to a byte a number, a first pass over those, exact scores for what it leaves."""

import ctypes
import mmap
import struct
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.query import Query, TopK

LIBRARY = Path(__file__).parents[2] / "native" / "topn.so"
_ABI = 2
_LANES = 32
_PACKED_ROWS = 1 << 17
_LARGE_BYTES = 1 << 26
_RELEASE_AFTER = 16  # answers: together they touch half of a large file, some 200 films each and 64 KiB around each
_ADDRESS = ctypes.c_void_p
_INTEGER = ctypes.c_int64


class NativeError(Exception):
    """The compiled library is not there or is not the one that belongs to this code."""


class NativeEngine:
    """Films packed to k + 8 bytes each, in memory of their own; the factors are only touched where a film is scored.

    Of large factors in a mapped file, the pages that were touched are given back now and then: a process holds the
    packed films and a part of the file, not both.
    """

    name = "native"

    def __init__(
        self,
        factors: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        library: Path = LIBRARY,
        portable: bool = False,
    ) -> None:
        """`factors` (I, k) and `bias` (I,) are kept and have to stay as they are; `portable` avoids AVX2, for tests.

        Raises NativeError when `library` cannot be used.
        """
        self._library = _load(library)
        self._factors, self._bias = np.ascontiguousarray(factors), np.ascontiguousarray(bias)
        self._films, self._k = len(factors), factors.shape[1]
        self._bounds = np.zeros(3)  # Bounds of topn.c
        self._file = _mapped_file(self._factors)
        self._packed = self._pack()
        self._answered = 0
        self._scratch_bytes = int(self._library.topn_scratch_bytes(self._k))
        fast = not portable and bool(self._library.topn_has_avx2())
        arrays = [_address(array) for array in (self._packed, self._factors, self._bias, self._bounds)]
        self._static = (fast, *arrays, self._films, self._k)

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """An answer for each query; raises ValueError for one that does not fit or has a vector that is not finite."""
        for query in queries:
            query.check(self._films, self._k)
        counts = [min(query.n, self._films) for query in queries]
        ends = list(accumulate(_answer_words(n) for n in counts))
        words = (ends[-1] if ends else 0) + -(-self._scratch_bytes * len(queries) // 8)
        out = np.empty(words, np.int64)
        told: list[int] = []
        for query, n in zip(queries, counts, strict=True):
            told += (len(query.exclude), n, 0 if query.mask is None else _address(query.mask))
        vectors = b"".join([query.vector.tobytes() for query in queries])
        skips = b"".join([query.exclude.tobytes() for query in queries])
        table = struct.pack(f"{len(told)}q", *told)
        if self._library.topn_search(*self._static, len(queries), vectors, skips, table, _address(out)):
            raise ValueError("a user's vector has to hold finite numbers")
        self._answered += len(queries)
        if self._answered >= _RELEASE_AFTER:
            self._answered = 0
            if self._file is not None and len(self._file) >= _LARGE_BYTES:
                _release(self._file)
        return [_answer(out[end - _answer_words(n) : end], n) for n, end in zip(counts, ends, strict=True)]

    def _pack(self) -> NDArray[np.uint8]:
        """The packed films; pages of a mapped file are given back block by block, they are seldom needed again."""
        blocks = -(-self._films // _LANES)
        block_bytes = int(self._library.topn_block_bytes(self._k))
        packed = np.zeros(blocks * block_bytes, np.uint8)
        for first in range(0, self._films, _PACKED_ROWS):
            factors, bias = self._factors[first : first + _PACKED_ROWS], self._bias[first : first + _PACKED_ROWS]
            into = packed[first // _LANES * block_bytes :]
            addresses = _address(factors), _address(bias), len(factors), self._k, _address(into), _address(self._bounds)
            self._library.topn_pack(*addresses)
            if self._file is not None:
                _release(self._file)
        return packed


def _answer_words(n: int) -> int:
    """The words of 8 bytes of an answer in topn.c: how many were found, n scores, n rows."""
    return 1 + n + (n + 1) // 2


def _answer(words: NDArray[np.int64], n: int) -> TopK:
    found = int(words[0])
    return TopK(rows=words[1 + n :].view(np.int32)[:found], scores=words[1 : 1 + found].view(np.float64))


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _load(path: Path) -> ctypes.CDLL:
    remedy = "python -m model_service.native.build makes it"
    try:
        library = ctypes.CDLL(str(path))
        abi = int(library.topn_abi())
    except (OSError, AttributeError) as error:
        raise NativeError(f"{path} cannot be used ({error}); {remedy}") from None
    if abi != _ABI:
        raise NativeError(f"{path} has interface {abi}, wanted is {_ABI}; {remedy}")
    for name, arguments, result in (
        ("topn_has_avx2", (), ctypes.c_int32),
        ("topn_block_bytes", (_INTEGER,), _INTEGER),
        ("topn_scratch_bytes", (_INTEGER,), _INTEGER),
        ("topn_pack", (_ADDRESS, _ADDRESS, _INTEGER, _INTEGER, _ADDRESS, _ADDRESS), None),
        ("topn_search", (ctypes.c_int32, *[_ADDRESS] * 4, *[_INTEGER] * 3, *[_ADDRESS] * 4), _INTEGER),
    ):
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library


def _mapped_file(array: NDArray[np.float32]) -> mmap.mmap | None:
    """The mapped file that `array` is a view of, if it is one."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def _release(file: mmap.mmap) -> None:
    """Tell the system that the pages of a mapped file can go; they come back when they are read."""
    if hasattr(mmap, "MADV_DONTNEED"):
        file.madvise(mmap.MADV_DONTNEED)
