"""Image files as arrays: PNG, JPEG, TIFF and other formats that OpenCV reads."""

from __future__ import annotations

import warnings
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

    _check_pixels(path, max_pixels)
    return np.asarray(cv2.cvtColor(_decoded(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


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

    _check_pixels(path)
    image = _decoded(path, cv2.IMREAD_UNCHANGED)
    if image.ndim == 3 and image.shape[2] > 2:  # OpenCV returns BGR
        order = [2, 1, 0, 3][: image.shape[2]]
        return image[..., order]
    return image


def _decoded(path: Path, flags: int) -> npt.NDArray[Any]:
    import cv2

    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError:
        raise PictureError(path, "does not exist", "check the path") from None
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
        raise PictureError(path, reason, "check the file and its permissions") from error
    try:
        image = cv2.imdecode(content, flags) if content.size else None
    except cv2.error:
        image = None
    if image is None:
        raise PictureError(path, "is not a readable image", "save it as PNG")
    return np.asarray(image)


def _check_pixels(path: Path, max_pixels: int | None = None) -> None:
    """Raise an error if a picture is too large, from its header."""
    from PIL import Image

    if path.exists() and not path.is_file():
        raise PictureError(path, "is not a file", "give that of a picture")
    try:
        too_long = path.stat().st_size > MAX_BYTES
        with warnings.catch_warnings(), Image.open(path) as header:
            warnings.simplefilter("ignore")  # about large images, which are an error below
            width, height = header.size
            n_bytes = width * height * _BYTES_PER_PIXEL.get(header.mode, 4)
    except FileNotFoundError:
        raise PictureError(path, "does not exist", "check the path") from None
    except PermissionError as error:
        reason = f"cannot be read ({error.strerror})"
        raise PictureError(path, reason, "check the file and its permissions") from error
    except Image.DecompressionBombError as error:
        raise PictureError(path, f"is too large ({one_line(error)})", "reduce its size") from error
    except Exception as error:  # damaged headers raise many types of errors
        raise PictureError(path, "is not a readable image", "save it as PNG") from error
    if too_long:
        raise PictureError(path, f"is larger than {MAX_BYTES // 2**20} MiB", "reduce its size")
    too_many = max_pixels is not None and width * height > max_pixels
    if too_many or n_bytes > FRAME_BYTES.value:
        advice = f"reduce it to at most {max_pixels} pixels"
        if not too_many:
            advice = f"reduce its size, or raise {FRAME_BYTES.variable}"
        raise PictureError(path, f"is too large ({width} x {height} px)", advice)


_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 4, "I;16": 2, "I;16B": 2, "I": 4, "F": 4, "RGB": 4}
