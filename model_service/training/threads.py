"""How many threads PyTorch may use."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_thread_if(small: bool) -> Iterator[None]:
    """One thread for steps on few numbers: they end before the other threads have begun, and the sums of one thread
    are the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if small else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
