"""Which engine does the scoring."""

import logging

import numpy as np
from numpy.typing import NDArray

from model_service.serving.scoring.native import NativeEngine, NativeError
from model_service.serving.scoring.plain import PlainEngine
from model_service.serving.scoring.query import Engine

_log = logging.getLogger(__name__)


def make_engine(factors: NDArray[np.float32], bias: NDArray[np.float32]) -> Engine:
    """The fastest engine there is on this machine for films with `factors` (I, k) and `bias` (I,).

    Without the compiled library, the same answers come from numpy, later.
    """
    try:
        return NativeEngine(factors, bias)
    except NativeError as problem:
        _log.info("scoring with numpy", extra={"problem": str(problem)})
        return PlainEngine(factors, bias)
