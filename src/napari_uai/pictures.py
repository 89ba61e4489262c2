"""Image files as arrays: PNG, JPEG, TIFF and other formats that OpenCV reads."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import BadValueError, one_line
from napari_uai.limits import FRAME_BYTES

if TYPE_CHECKING:
    import numpy.typing as npt

MAX_BYTES = 256 * 2**20
"""Maximum size of a file; images of scenes and frames are much smaller."""


class PictureError(BadValueError):
    """A file cannot be read as an image.

    Parameters
    ----------
    path
        The file.
    reason
        Rest of a sentence that begins with the path, such as ``does not exist``.
    advice
        What to do about it.
    """

    def __init__(self, path: Path, reason: str, advice: str) -> None:
        super().__init__(f"{path} {reason}; {advice}")
        self.reason = reason


def read_picture(path: Path, *, max_pixels: int | None = None) -> npt.NDArray[np.uint8]:
    """Read an image in colour.

    Parameters
    ----------
    path
        PNG, JPEG, or another format that OpenCV reads.
    max_pixels
        Maximum number of pixels, which is checked before decoding; if None, those that need more
        memory than :data:`napari_uai.limits.FRAME_BYTES` are refused.

    Returns
    -------
    numpy.ndarray
        Rows, columns, RGB; uint8.

    Raises
    ------
    PictureError
        If the file does not exist, is not a readable image, or is too large.
    """
    import cv2

    content = _content(path)
    _check_pixels(path, content, max_pixels)
    image = _decoded(path, content, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def read_image(path: Path) -> npt.NDArray[Any]:
    """Read an image without conversion.

    Parameters
    ----------
    path
        PNG, JPEG, or another format that OpenCV reads.

    Returns
    -------
    numpy.ndarray
        Rows, columns of a grey image; rows, columns, RGB or RGBA of others; in the stored type.

    Raises
    ------
    PictureError
        If the file does not exist, is not a readable image, or is too large.
    """
    import cv2

    content = _content(path)
    _check_pixels(path, content)
    image = _decoded(path, content, cv2.IMREAD_UNCHANGED)
    if image.ndim == 3 and image.shape[2] > 2:  # OpenCV returns BGR
        alpha = image.shape[2] == 4
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if alpha else cv2.COLOR_BGR2RGB))
    return image


def _content(path: Path) -> bytes:
    """Return the bytes of a file, if it is not too long."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(path, "is not a file", "give that of a picture")
        if status.st_size > MAX_BYTES:
            raise PictureError(path, f"is larger than {MAX_BYTES // 2**20} MiB", "reduce its size")
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(path, "does not exist", "check the path") from None
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
        raise PictureError(path, reason, "check the file and its permissions") from error


def _decoded(path: Path, content: bytes, flags: int) -> npt.NDArray[Any]:
    import cv2

    if content.startswith(_PNG_START):
        content = _without_complaints(path, content)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:
        image = None
    if image is None:
        raise PictureError(path, "is not a readable image", "save it as PNG")
    return np.asarray(image)


def _check_pixels(path: Path, content: bytes, max_pixels: int | None = None) -> None:
    """Raise an error if a picture is too large, from its header."""
    width, height, n_bytes = _stated_size(path, content)
    too_many = max_pixels is not None and width * height > max_pixels
    if too_many or n_bytes > FRAME_BYTES.value:
        advice = f"reduce it to at most {max_pixels} pixels"
        if not too_many:
            advice = f"reduce its size, or raise {FRAME_BYTES.variable}"
        raise PictureError(path, f"is too large ({width} x {height} px)", advice)


def _stated_size(path: Path, content: bytes) -> tuple[int, int, int]:
    """Return width, height and bytes in memory of a picture, from its header."""
    from PIL import Image

    if content.startswith(_PNG_START) and len(content) >= _PNG_SIZE.size + len(_PNG_START):
        # Read here, because Pillow takes as long to open a small PNG as OpenCV to decode it.
        width, height, bits, kind = _PNG_SIZE.unpack_from(content, len(_PNG_START))
        return width, height, width * height * (1 if kind == 0 else 4) * (2 if bits == 16 else 1)
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as header:
            warnings.simplefilter("ignore")  # about large images, which are an error
            width, height = header.size
            return width, height, width * height * _BYTES_PER_PIXEL.get(header.mode, 4)
    except Image.DecompressionBombError as error:
        raise PictureError(path, f"is too large ({one_line(error)})", "reduce its size") from error
    except Exception as error:  # damaged headers raise many types of errors
        raise PictureError(path, "is not a readable image", "save it as PNG") from error


def _without_complaints(path: Path, content: bytes) -> bytes:
    """Return a PNG without the parts on which libpng would print to the terminal.

    Raises
    ------
    PictureError
        If its pixels are damaged or incomplete.
    """
    kept, dropped, at, kind = [content[:8]], False, 8, b""
    while kind != b"IEND":
        if at + _PNG_CHUNK.size > len(content):
            raise PictureError(path, "is not a complete PNG image", "copy or export it again")
        length, kind = _PNG_CHUNK.unpack_from(content, at)
        end = at + length + 12
        if kind in _PNG_TEXTS:
            dropped = True
        else:
            kept.append(content[at:end])
            stated = content[end - 4 : end]
            if kind[:1].isupper() and stated != _checksum(content[at + 4 : end - 4]):
                raise PictureError(path, "is a damaged PNG image", "copy or export it again")
        at = end
    return b"".join(kept) if dropped else content


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


_PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PNG_CHUNK = struct.Struct(">I4s")
_PNG_TEXTS = {b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs"}
"""Chunks without influence on pixels as they are read here: colour profiles, texts, scales."""
_PNG_SIZE = struct.Struct(">IIBB")
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 4, "I;16": 2, "I;16B": 2, "I": 4, "F": 4, "RGB": 4}
