"""Sizes that compressed pictures state for themselves; decoders allocate them unseen.

A picture within another file, such as a tile of a TIFF page, may state any size, whatever the file
around it says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from napari_uai.errors import VideoFormatError

_SOI = b"\xff\xd8"
_CODESTREAM_2000 = b"\xff\x4f\xff\x51"
_JXL_BOX = b"\0\0\0\x0cJXL "


def bytes_of_picture(data: bytes) -> int:
    """Return how many bytes a compressed picture needs in memory, by its header.

    Parameters
    ----------
    data
        PNG, JPEG, JPEG 2000, JPEG XL, JPEG XR, WebP or LERC.

    Returns
    -------
    int
        For the pixels and what a decoder keeps beside them; 0 for other data, and for a header
        that is not complete, which decoders refuse.

    Raises
    ------
    VideoFormatError
        If it is an animation, of which a page of a file has no use.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> from napari_uai.untrusted import bytes_of_picture
    >>> bytes_of_picture(cv2.imencode(".jpg", np.zeros((30, 40, 3), np.uint8))[1].tobytes())
    3600
    """
    try:
        return next((size(data) for start, size in _KINDS if data.startswith(start)), 0)
    except VideoFormatError:
        raise
    except (struct.error, IndexError, ValueError):  # the decoder says it better
        return 0


def _png(data: bytes) -> int:
    columns, rows, depth = struct.unpack_from(">IIB", data, 16)
    return int(columns * rows * 4 * (2 if depth > 8 else 1))  # room for alpha


def _jpeg(data: bytes) -> int:
    """Walk the markers to that of the frame, as decoders do: comments may hold a false one."""
    at = 2
    while True:
        at = data.index(b"\xff", at)
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == 0xDA:
            return 0
        if marker in {0, 1, *range(0xD0, 0xD9)}:
            continue
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            depth, rows, columns, parts = struct.unpack_from(">BHHB", data, at + 2)
            kept = 2 if marker in {0xC2, 0xC6, 0xCA, 0xCE} else 0  # coefficients of all scans
            return int(rows * columns * parts * ((2 if depth > 8 else 1) + kept))
        at += struct.unpack_from(">H", data, at)[0]


def _jpeg_2000(data: bytes) -> int:
    at = 0
    while data[at : at + 4] != _CODESTREAM_2000:  # boxes before the codestream
        n, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if n == 1:
            n, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        at += head if kind == b"jp2c" else max(n, head)
        if kind == b"jp2c" and data[at : at + 4] != _CODESTREAM_2000:
            return 0
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    [parts] = struct.unpack_from(">H", data, at + 40)
    return int(max(right - left, 0) * max(bottom - top, 0) * parts * 4)


def _lerc(data: bytes) -> int:
    [version] = struct.unpack_from("<i", data, 6)
    place = 10 if version < 3 else 14
    rows, columns, depth = struct.unpack_from("<III", data, place)
    [kind] = struct.unpack_from("<I", data, place + (24 if version >= 4 else 20))
    pixels = rows * columns * (depth if version >= 4 else 1)
    return int(pixels * _LERC_ITEM.get(kind, 8) * data.count(_LERC))  # a picture per band


def _webp(data: bytes) -> int:
    kind = data[12:16]
    if data[8:12] != b"WEBP":
        return 0
    if kind == b"VP8X":
        columns, rows = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        [bits] = struct.unpack_from("<I", data, 21)
        columns, rows = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        columns, rows = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return columns * rows * 4


def _jpeg_xr(data: bytes) -> int:
    """Return the size of the coded picture; the directory before it may state another."""
    at = data.find(b"WMPHOTO\0")
    if at < 0:
        return 0
    short = data[at + 10] & 0x80
    colours, depth = data[at + 11] >> 4, data[at + 11] & 15
    columns, rows = struct.unpack_from(">HH" if short else ">II", data, at + 12)
    item = 4 if depth in {6, 7} else 2 if depth in {2, 3, 4, 9} else 1
    return int((columns + 1) * (rows + 1) * (4 if colours else 1) * max(item, 4))


def _jpeg_xl_boxes(data: bytes) -> int:
    at = 0
    while at + 8 <= len(data):
        n, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if n == 1:
            n, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if kind in {b"jxlc", b"jxlp"}:
            at += head + (4 if kind == b"jxlp" else 0)
            return _jpeg_xl(data[at : at + 4096])
        at += max(n, head) if n else len(data)
    return 0


def _jpeg_xl(data: bytes) -> int:
    take = _bits(data[2:])
    rows, columns = _jpeg_xl_size(take)
    depth, more = 8, 0
    if not take(1):  # not all is as by default
        if take(1):
            take(3)
            if take(1):
                _jpeg_xl_size(take)
            if take(2):
                raise VideoFormatError("it is an animation, or has a preview")
        is_float = take(1)
        depth = (8, 10, 12, 0)[take(2)] if not is_float else 32
        if not is_float:
            depth = depth or 1 + take(6)
            take(1)
            more = (0, 1, 2, 1)[which := take(2)] + (0, 0, 4, 12)[which] * 256
    item = 1 if depth <= 8 else 2 if depth <= 16 else 4
    return rows * columns * (4 + more) * item


def _jpeg_xl_size(take: Callable[[int], int]) -> tuple[int, int]:
    def side() -> int:
        return 8 * (1 + take(5)) if small else 1 + take((9, 13, 18, 30)[take(2)])

    small = take(1)
    rows = side()
    ratio = take(3)
    if not ratio:
        return rows, side()
    wide, high = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return rows, rows * wide // high


def _bits(data: bytes) -> Callable[[int], int]:
    """Return a function that takes bits, the lowest of a byte first."""
    number, left = int.from_bytes(data[:64], "little"), 8 * min(len(data), 64)

    def take(n: int) -> int:
        nonlocal number, left
        left -= n
        if left < 0:
            raise IndexError
        taken = number & ((1 << n) - 1)
        number >>= n
        return taken

    return take


_LERC = b"Lerc2 "
_LERC_ITEM = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 8}
_KINDS: tuple[tuple[bytes, Callable[[bytes], int]], ...] = (
    (b"\x89PNG", _png),
    (_SOI, _jpeg),
    (_CODESTREAM_2000, _jpeg_2000),
    (b"\0\0\0\x0cjP", _jpeg_2000),
    (_LERC, _lerc),
    (b"RIFF", _webp),
    (b"II\xbc", _jpeg_xr),
    (_JXL_BOX, _jpeg_xl_boxes),
    (b"\xff\x0a", _jpeg_xl),
)
