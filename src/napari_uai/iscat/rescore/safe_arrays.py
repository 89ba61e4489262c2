"""Arrays in safetensors files, read and written without the library of that name.

The format (github.com/huggingface/safetensors): the length of a header, the header in JSON with
type, shape and place of each array, the arrays. It can hold numbers only; nothing runs on reading.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import WeightsError
from napari_uai.typing import Floats32

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
_LENGTH = 8


def packed_arrays(arrays: Mapping[str, Floats32]) -> bytes:
    """Return arrays as the bytes of a file, in half precision."""
    header: dict[str, Any] = {}
    data = b""
    for name in sorted(arrays):
        part = np.ascontiguousarray(arrays[name], "<f2").tobytes()
        place = [len(data), len(data) + len(part)]
        header[name] = {"dtype": "F16", "shape": list(arrays[name].shape), "data_offsets": place}
        data += part
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)
    return struct.pack("<Q", len(text)) + text + data


def unpacked_arrays(data: bytes) -> dict[str, Floats32]:
    """Return the arrays of a file's bytes.

    Raises
    ------
    WeightsError
        If they are not whole, no such file, or hold anything but floating-point numbers.
    """
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[_LENGTH : _LENGTH + length])
        body = memoryview(data)[_LENGTH + length :]
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return {name: _array(body, entry) for name, entry in entries.items()}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"not whole, or no safetensors file ({error}); get it anew") from error


def _array(body: memoryview, entry: dict[str, Any]) -> Floats32:
    start, stop = entry["data_offsets"]
    kind = _TYPES[entry["dtype"]]
    # A part that is cut off has too few numbers for its shape.
    flat = np.frombuffer(bytes(body[start:stop]), kind)
    return np.asarray(flat.reshape(entry["shape"]), np.float32)
