"""The training loop that trainers share: epochs, progress bar, early stopping, thread count."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.training.config import TrainConfig
from model_service.training.early_stopping import EarlyStopping, FitResult


def run_epochs(
    epoch: Callable[[], Iterator[int]],
    stopping: EarlyStopping,
    *,
    train: NDArray[np.int64],
    config: TrainConfig,
    label: str,
    single_thread: bool,
) -> FitResult:
    """Call `epoch` up to `config.epochs` times or until `stopping` ends it, with a progress bar named `label`, if any.

    epoch: one pass over the ratings at positions `train`; yields the number of ratings after each step.
    """
    with (
        threads(1 if single_thread else torch.get_num_threads()),
        tqdm(total=config.epochs * len(train), desc=label, unit=" ratings", unit_scale=True, disable=not label) as bar,
    ):
        for _ in range(config.epochs):
            for count in epoch():
                bar.update(count)
            stop = stopping.should_stop()
            bar.set_postfix(stopping.progress())
            if stop:
                break
    return stopping.result()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Limit PyTorch's threads. For small steps one is fastest, and its sums are the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
