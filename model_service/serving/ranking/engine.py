"""Selects the ranking engine: native or numpy, sharded over threads for large catalogues, approximate on request."""

import logging
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_service.ann_index import AnnIndex
from model_service.serving.ranking.ann import AnnEngine
from model_service.serving.ranking.native import NativeEngine, NativeError
from model_service.serving.ranking.numpy_engine import NumpyEngine
from model_service.serving.ranking.sharded import ShardedEngine
from model_service.serving.ranking.top_k import Engine

_MIN_SHARD_SIZE: Final = 1 << 24  # factor components: a pass over as many takes about a millisecond
_log = logging.getLogger(__name__)


def make_engine(
    factors: NDArray[np.float32], bias: NDArray[np.float32], index: AnnIndex | None = None, *, threads: int = 1
) -> Engine:
    """The fastest engine available for items with `factors` (I, k) and `bias` (I,).

    Exact, unless an `index` of these items is given. For a large catalogue up to `threads` threads share each pass.
    Without the compiled library numpy returns the same results, slower.
    """
    exact = _exact_engine(factors, bias, min(threads, factors.size // _MIN_SHARD_SIZE))
    return exact if index is None else AnnEngine(exact, index, factors, bias)


def _exact_engine(factors: NDArray[np.float32], bias: NDArray[np.float32], threads: int) -> Engine:
    try:
        if threads > 1:
            return ShardedEngine(factors, bias, make=NativeEngine, threads=threads)
        return NativeEngine(factors, bias)
    except NativeError as error:
        _log.info("scoring with numpy", extra={"problem": str(error)})
        return NumpyEngine(factors, bias)
