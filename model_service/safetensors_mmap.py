"""Zero-copy reader for safetensors files: tensors are views of a memory map, whose pages forked workers share.

Source: "Format", https://github.com/huggingface/safetensors (8 bytes header length, JSON header, raw tensors).
The package's own numpy reader copies every tensor, and would be one more dependency of the image.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(kind)
    for name, kind in (("F32", np.float32), ("F64", np.float64), ("I64", np.int64), ("I32", np.int32), ("U8", np.uint8))
}
_LENGTH_BYTES = 8


def map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors in `path` by name, read-only; raises ValueError when it is not a safetensors file."""
    size = path.stat().st_size
    if size < _LENGTH_BYTES:
        raise ValueError(f"{path.name} is too short to be a safetensors file")
    data = np.memmap(path, dtype=np.uint8, mode="r")
    start = _LENGTH_BYTES + int(data[:_LENGTH_BYTES].view("<u8")[0])
    if start > size:
        raise ValueError(f"{path.name} ends within its header")
    header = json.loads(bytes(data[_LENGTH_BYTES:start]))
    header.pop("__metadata__", None)
    return {name: _view(data[start:], name, entry) for name, entry in header.items()}


def _view(body: NDArray[np.uint8], name: str, entry: dict[str, Any]) -> NDArray[Any]:
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise ValueError(f"{name} has type {entry['dtype']}; known are {', '.join(_DTYPES)}")
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end <= len(body):
        raise ValueError(f"{name} lies outside the file")
    array: NDArray[Any] = np.frombuffer(body, dtype, (end - begin) // dtype.itemsize, begin)
    return array.reshape(entry["shape"])
