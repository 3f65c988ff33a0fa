"""Which engine does the scoring."""

import logging

import numpy as np
from numpy.typing import NDArray

from model_service.ann_index import AnnIndex
from model_service.serving.ranking.ann import AnnEngine
from model_service.serving.ranking.native import NativeEngine, NativeError
from model_service.serving.ranking.numpy_engine import NumpyEngine
from model_service.serving.ranking.query import Engine
from model_service.serving.ranking.sharded import ShardedEngine

_MIN_SHARD_SIZE = 1 << 24  # numbers of factors: a pass over as many takes about a millisecond
_log = logging.getLogger(__name__)


def make_engine(
    factors: NDArray[np.float32], bias: NDArray[np.float32], index: AnnIndex | None = None, *, threads: int = 1
) -> Engine:
    """The fastest engine there is on this machine for films with `factors` (I, k) and `bias` (I,).

    Exact, unless there is an `index` of these films. Of a large catalogue, up to `threads` threads share each pass.
    Without the compiled library, the same answers come from numpy, later.
    """
    exact = _exact(factors, bias, min(threads, factors.size // _MIN_SHARD_SIZE))
    return exact if index is None else AnnEngine(exact, index, factors, bias)


def _exact(factors: NDArray[np.float32], bias: NDArray[np.float32], threads: int) -> Engine:
    try:
        if threads > 1:
            return ShardedEngine(factors, bias, make=NativeEngine, threads=threads)
        return NativeEngine(factors, bias)
    except NativeError as problem:
        _log.info("scoring with numpy", extra={"problem": str(problem)})
        return NumpyEngine(factors, bias)
