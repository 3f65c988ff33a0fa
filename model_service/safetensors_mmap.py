"""Zero-copy reader for safetensors files: tensors are views of a memory map, whose pages forked workers share.

Source: "Format", https://github.com/huggingface/safetensors (8 bytes header length, JSON header, raw tensors).
The package's own numpy reader copies every tensor, and would be one more dependency of the image.
"""

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_service.strict_json import parse_object

_DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(kind)
    for name, kind in (("F32", np.float32), ("F64", np.float64), ("I64", np.int64), ("I32", np.int32), ("U8", np.uint8))
}
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES: Final = 2**20
_MAX_DIMENSIONS: Final = 2


def map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors in `path` by name, read-only; raises ValueError when it is not a safetensors file.

    As the format demands, the tensors cover the file after the header, without a gap and without an overlap.
    """
    size = path.stat().st_size
    if size < _LENGTH_BYTES:
        raise ValueError(f"{path.name} is too short to be a safetensors file")
    data = np.memmap(path, dtype=np.uint8, mode="r")
    length = int(data[:_LENGTH_BYTES].view("<u8")[0])
    start = _LENGTH_BYTES + length
    if start > size:
        raise ValueError(f"{path.name} ends within its header")
    if length > _MAX_HEADER_BYTES:
        raise ValueError(f"{path.name} has a header of more than {_MAX_HEADER_BYTES:,} bytes")
    try:
        header = parse_object(bytes(data[_LENGTH_BYTES:start]))
    except ValueError as error:
        raise ValueError(f"the header of {path.name} {error}") from None
    header.pop("__metadata__", None)
    body, tensors, end = data[start:], {}, 0
    for name, entry in sorted(header.items(), key=lambda pair: _offsets(*pair)):
        begin, following = _offsets(name, entry)
        if begin != end:
            raise ValueError(f"{name!a} begins at byte {begin}, the tensor before it ends at {end}")
        tensors[name], end = _view(body, name, entry), following
    if end != len(body):
        raise ValueError(f"the tensors of {path.name} end at byte {end} of {len(body)}")
    return tensors


def _offsets(name: str, entry: object) -> tuple[int, int]:
    offsets: Any = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not _are_whole(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"{name!a} has no data_offsets: two whole numbers, begin and end")
    return offsets[0], offsets[1]


def _view(body: NDArray[np.uint8], name: str, entry: dict[str, Any]) -> NDArray[Any]:
    kind: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    dtype = _DTYPES.get(kind) if isinstance(kind, str) else None
    if dtype is None:
        raise ValueError(f"{name!a} has type {kind!a:.40}; known are {', '.join(_DTYPES)}")
    if not _are_whole(shape) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError(f"{name!a} has no shape: a list of at most {_MAX_DIMENSIONS} whole numbers")
    begin, end = _offsets(name, entry)
    if end > len(body):
        raise ValueError(f"{name!a} lies outside the file")
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise ValueError(f"{name!a} has {end - begin} bytes, {dtype}{shape} needs {math.prod(shape) * dtype.itemsize}")
    array: NDArray[Any] = np.frombuffer(body, dtype, (end - begin) // dtype.itemsize, begin).reshape(shape)
    if not array.flags.aligned:
        raise ValueError(f"{name!a} is not aligned to the size of its numbers")
    return array


def _are_whole(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int and number >= 0 for number in value)
