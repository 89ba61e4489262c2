"""Types of pixels in headerless files: numpy's, and those that cameras pack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.typing import AnyArray

_KINDS = {"u": "unsigned", "i": "signed", "f": "float", "b": "boolean"}
_ORDERS = {"<": ", little-endian", ">": ", big-endian"}


@dataclass(frozen=True)
class PackedType:
    """Pixels of 10 or 12 bits without gaps between them.

    Attributes
    ----------
    name
        As in the Pixel Format Naming Convention of the GenICam standard.
    bits
        Of a pixel.
    group
        Pixels that together fill whole bytes.
    lowest_first
        Whether a pixel's lowest bits come first (``p``); otherwise two pixels share the third
        byte of their group for their lowest bits (``Packed``, of GigE Vision).

    References
    ----------
    .. [1] EMVA, "GenICam Pixel Format Naming Convention (PFNC)", version 2.4, 2022.
    """

    name: str
    bits: int
    group: int
    lowest_first: bool

    @property
    def str(self) -> str:
        """Name, as of numpy's types."""
        return self.name

    @property
    def group_bytes(self) -> int:
        """Bytes of a group."""
        return 3 if not self.lowest_first else self.bits * self.group // 8

    def unpack(self, content: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
        """Return the pixels in some bytes.

        Parameters
        ----------
        content
            Any shape; the last axis holds whole groups.

        Returns
        -------
        numpy.ndarray
            The same shape but for the last axis; uint16.
        """
        groups = content.reshape(*content.shape[:-1], -1, self.group_bytes).astype(np.uint16)
        out = np.empty((*groups.shape[:-1], self.group), np.uint16)
        if self.lowest_first:
            for i in range(self.group):
                byte, shift = divmod(i * self.bits, 8)
                out[..., i] = groups[..., byte] >> shift | groups[..., byte + 1] << (8 - shift)
            out &= (1 << self.bits) - 1
        else:
            low = self.bits - 8
            mask = (1 << low) - 1
            out[..., 0] = groups[..., 0] << low | groups[..., 1] & mask
            out[..., 1] = groups[..., 2] << low | groups[..., 1] >> 4 & mask
        return out.reshape(*content.shape[:-1], -1)


PixelType: TypeAlias = "np.dtype[Any] | PackedType"

PACKED = {
    each.name: each
    for each in (
        PackedType("mono12p", 12, 2, lowest_first=True),
        PackedType("mono10p", 10, 4, lowest_first=True),
        PackedType("mono12packed", 12, 2, lowest_first=False),
        PackedType("mono10packed", 10, 2, lowest_first=False),
    )
}
_OTHER_NAMES = {
    "uint12": "mono12p",
    "uint10": "mono10p",
    "mono8": "uint8",
    "mono10": "<u2",
    "mono12": "<u2",
    "mono14": "<u2",
    "mono16": "<u2",
    "gray8": "uint8",
    "gray16": "<u2",
    "grey8": "uint8",
    "grey16": "<u2",
}


def pixel_type(dtype: npt.DTypeLike | PackedType) -> PixelType:
    """Return a type of pixels: any integer or float, either byte order, boolean, or packed.

    Raises
    ------
    BadValueError
        If it is something else.
    """
    if isinstance(dtype, PackedType):
        return dtype
    name = dtype
    if isinstance(dtype, str):
        plain = dtype.strip().lower()
        name = _OTHER_NAMES.get(plain, dtype)
        if name in PACKED or plain in PACKED:
            return PACKED[name if name in PACKED else plain]
    try:
        pixels = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        pixels = np.dtype(object)
    if pixels.kind not in "uifb" or pixels.shape or dtype is None:
        raise BadValueError(
            f"{dtype!r} is not a pixel type: use one such as '<u2', '>u2', 'uint8', '<f4', "
            f"'{next(iter(PACKED))}'"
        )
    return pixels


def numpy_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return a type of pixels that is not packed; see :func:`pixel_type`.

    Raises
    ------
    BadValueError
        If it is something else.
    """
    pixels = pixel_type(dtype)
    if isinstance(pixels, PackedType):
        raise BadValueError(f"pixels cannot be written as {pixels.name}: use '<u2'")
    return pixels


def group_of(pixels: PixelType) -> tuple[int, int]:
    """Return the smallest number of whole bytes that hold whole pixels, and of those pixels."""
    if isinstance(pixels, PackedType):
        return pixels.group_bytes, pixels.group
    return pixels.itemsize, 1


def bytes_of(pixels: PixelType, n_pixels: int) -> int:
    """Return the bytes of a number of pixels; packed ones fill up their last group."""
    n_bytes, group = group_of(pixels)
    return -(-n_pixels // group) * n_bytes


def pixels_in(content: npt.NDArray[np.uint8], pixels: PixelType) -> AnyArray:
    """Return the pixels in some bytes (one axis); an incomplete last one is dropped."""
    size, _ = group_of(pixels)
    whole = content[: content.size // size * size]
    return pixels.unpack(whole) if isinstance(pixels, PackedType) else whole.view(pixels)


def type_in_words(dtype: str) -> str:
    """Return a type of pixels in words, instead of numpy's code for it.

    Examples
    --------
    >>> type_in_words("<u2"), type_in_words("|u1"), type_in_words("mono12p")
    ('16-bit unsigned, little-endian', '8-bit unsigned', '12-bit packed, mono12p')
    """
    pixels = pixel_type(dtype)
    if isinstance(pixels, PackedType):
        return f"{pixels.bits}-bit packed, {pixels.name}"
    return f"{8 * pixels.itemsize}-bit {_KINDS[pixels.kind]}{_ORDERS.get(dtype[0], '')}"
